//! Values of options that stand in quotes, as Keras has them, or without the type that they are of.

use kerata_format::table::Setting;
use quote::ToTokens;
use syn::{Expr, ExprLit, Lit, Type, TypePath, spanned::Spanned};

use crate::{
    errors::Errors,
    literal::number,
    names::{listed, nearest},
    spelling::{self, text},
};

/// Tells what is wrong with a value that is one of a few words, a number or a flag; whether it has.
pub(super) fn plain(ty: &Type, key: &str, value: &Expr, errors: &mut Errors) -> bool {
    let quoted = match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    };
    let message = match (spelling::setting(ty, key), quoted) {
        (Some(Setting::Choice(_, of, words)), quoted) => {
            let bare = || match value {
                Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
                _ => None,
            };
            chosen(key, of, words, quoted.as_deref(), bare)
        }
        (Some(Setting::Function(..)), _) => None,
        (Some(Setting::Factor(_)), None) => factor(value).map(|ours| {
            format!("a factor is one on both sides, or between two: write `{key} = kerata::{ours}`")
        }),
        (Some(Setting::Range(..)), None) => ends(value).map(|[lower, upper]| {
            format!("a range of values goes from one number to another: write `{key} = kerata::ValueRange::between({lower}, {upper})`")
        }),
        (_, None) if mixed(value) => {
            Some(format!("a number that may be a fraction has a point: write `{key} = {}`", all_floats(value)))
        }
        (_, Some(quoted)) => {
            let small = quoted.to_lowercase();
            let is_value = small.parse::<f64>().is_ok() || small.parse::<bool>().is_ok();
            is_value.then(|| format!("nothing stands in quotes here: write `{key} = {small}`"))
        }
        _ => None,
    };
    let wrong = message.is_some();
    if let Some(message) = message {
        errors.push(value.span(), message);
    }
    wrong
}

/// The name that a value begins with, if that is a type, as in `Factor::of(0.2)`.
pub(super) fn of_type(value: &Expr) -> Option<Type> {
    let path = match value {
        Expr::Call(call) => return of_type(&call.func),
        Expr::Path(value) if value.qself.is_none() => &value.path,
        Expr::Struct(value) => &value.path,
        _ => return None,
    };
    let first = path.segments.first().filter(|_| path.segments.len() == 2)?;
    first
        .ident
        .to_string()
        .starts_with(char::is_uppercase)
        .then(|| Type::Path(TypePath { qself: None, path: first.ident.clone().into() }))
}

/// Keras's factors, `0.2` or `(-0.1, 0.3)`, as they are written here.
fn factor(value: &Expr) -> Option<String> {
    if number(value).is_some() {
        return Some(format!("Factor::of({})", float(value)));
    }
    ends(value).map(|[lower, upper]| format!("Factor::between({lower}, {upper})"))
}

/// Two numbers, as a tuple or a list.
fn ends(value: &Expr) -> Option<[String; 2]> {
    let both = match value {
        Expr::Tuple(ends) => &ends.elems,
        Expr::Array(ends) => &ends.elems,
        _ => return None,
    };
    (both.len() == 2).then(|| [float(&both[0]), float(&both[1])])
}

/// Whether a number with a point and one without are calculated with: Rust has no such operation.
fn mixed(value: &Expr) -> bool {
    let Expr::Binary(both) = value else { return false };
    let is = |side: &Expr, float: bool| match side {
        Expr::Lit(ExprLit { lit: Lit::Float(_), .. }) => float,
        Expr::Lit(ExprLit { lit: Lit::Int(_), .. }) => !float,
        _ => false,
    };
    let (left, right) = (&both.left, &both.right);
    is(left, true) && is(right, false) || is(left, false) && is(right, true)
}

/// Two numbers that are calculated with, both with their points.
fn all_floats(value: &Expr) -> String {
    match value {
        Expr::Binary(both) => {
            let op = both.op.to_token_stream();
            format!("{} {op} {}", float(&both.left), float(&both.right))
        }
        other => text(other),
    }
}

/// A number with its point, as it may be a fraction.
fn float(value: &Expr) -> String {
    let written = text(value);
    match written.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit()) {
        true => format!("{written}.0"),
        false => written,
    }
}

/// What is said of one of a few words that is written as in Keras, or by its name alone.
fn chosen(
    key: &str,
    of: &str,
    words: &[[&str; 2]],
    quoted: Option<&str>,
    bare: impl FnOnce() -> Option<String>,
) -> Option<String> {
    let (given, is_quoted) = match quoted {
        Some(word) => (word.to_owned(), true),
        None => (bare()?, false),
    };
    if of.is_empty() && is_quoted {
        let only = words.first().map_or("", |[keras, _]| keras);
        return Some(format!(
            "`{key}` is `{only}` in a type: leave it away; of a file, `keras::load` runs any other"
        ));
    }
    let small = given.to_lowercase();
    let known = words.iter().find(|[keras, ours]| *keras == small || *ours == given);
    match known {
        Some([_, ours]) => {
            let problem = match is_quoted {
                true => "nothing stands in quotes here".to_owned(),
                false => format!("`{given}` is one of `{of}`"),
            };
            Some(format!("{problem}: write `{key} = kerata::{of}::{ours}`"))
        }
        // It may be a constant of the user's.
        None if !is_quoted => None,
        None => {
            let all: Vec<&str> = words.iter().map(|[keras, _]| *keras).collect();
            let all = match nearest(&small, &all) {
                near if near.is_empty() => {
                    let names: Vec<&str> = words.iter().map(|[_, ours]| *ours).collect();
                    format!(": there are {}", listed(&names))
                }
                near => {
                    let near = words.iter().find(|[keras, _]| near.contains(keras))?;
                    format!(": write `{key} = kerata::{of}::{}`", near[1])
                }
            };
            Some(format!("`{}` is no `{of}`{all}", text(&given)))
        }
    }
}
