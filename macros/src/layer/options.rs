//! What is wrong with an option of a layer by itself: its type, and what it is by itself.

use syn::{Expr, ExprLit, Lit, Type, spanned::Spanned};

use super::parse::Setting;
use crate::{
    errors::Errors,
    literal::{number, range},
    signal::last_name,
    spelling::text,
};

/// Types that are often meant, and none of an option.
const OTHERS: [&str; 7] = ["String", "str", "Vec", "Option", "HashMap", "f16", "char"];

/// Whether the limits of an option are for sure no range.
pub(super) fn is_no_range(limits: &Expr) -> bool {
    matches!(limits, Expr::Tuple(_) | Expr::Array(_) | Expr::Lit(_))
}

pub(super) fn check(name: &str, ty: &Type, option: &Setting, errors: &mut Errors) {
    let of = match ty {
        Type::Path(path) => last_name(&path.path),
        Type::Reference(_) | Type::Tuple(_) | Type::Array(_) => "Vec".to_owned(),
        _ => return,
    };
    if OTHERS.contains(&of.as_str()) {
        let message = format!(
            "`{}` cannot be an option of a layer: one is a number (`f64`, `f32`, `usize`), a `bool` or an `ActivationFunction`",
            text(ty)
        );
        return errors.push(ty.span(), message);
    }
    if let Some(limits) = option.range.as_ref().filter(|range| is_no_range(range)) {
        let message = "what an option may be is a range: write `range = 0.0..=1.0`";
        return errors.push(limits.span(), message);
    }
    let Some(default) = &option.default else { return };
    let fits = |lit: &Lit| match (lit, of.as_str()) {
        (Lit::Int(lit), "f32" | "f64") => lit.suffix() == of,
        (Lit::Str(_) | Lit::Bool(_), "f32" | "f64" | "usize") => false,
        (Lit::Float(_), "usize") => false,
        (Lit::Str(_) | Lit::Int(_) | Lit::Float(_), "bool") => false,
        _ => true,
    };
    if let Expr::Lit(ExprLit { lit, .. }) = default
        && !fits(lit)
    {
        let right = match of.as_str() {
            "bool" => "true".to_owned(),
            "usize" => "2".to_owned(),
            _ => match number(default) {
                Some(number) => format!("{number:?}"),
                None => "2.0".to_owned(),
            },
        };
        let message = format!("`{name}` is a `{of}`: write `default = {right}`");
        return errors.push(default.span(), message);
    }
    let (Some(value), Some(limits)) = (number(default), &option.range) else { return };
    let [low, high] = range(limits);
    if low.is_some_and(|low| value < low) || high.is_some_and(|high| value > high) {
        errors.push(default.span(), format!("the default of `{name}` is outside its range"));
    }
}
