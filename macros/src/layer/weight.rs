//! Fields that are weights.

use proc_macro2::Span;
use quote::quote;
use syn::{Expr, GenericArgument, Ident, Member, Type, parse_quote, spanned::Spanned};

use super::{
    check::{Weight, When, generic, last, text},
    parse,
};
use crate::{errors::Errors, initializer, spelling};

/// A weight, and what is wrong with it.
pub(super) fn weight(
    member: &Member,
    ty: &Type,
    mut given: parse::Weight,
    errors: &mut Errors,
) -> Weight {
    let name = given.name.as_ref().map_or_else(|| text(member), |name| name.value());
    let known = sizes_of(ty);
    let open = known.is_none();
    let sizes = match (known, given.shape.take()) {
        (Some(sizes), written) => {
            let same =
                |of: &[Expr]| quote!(#(#of,)*).to_string() == quote!(#(#sizes,)*).to_string();
            if let Some((span, _)) = written.filter(|(_, written)| !same(written)) {
                errors.push(span, format!("the shape in the type of `{name}` is another one"));
            }
            sizes
        }
        (None, written) if is_no_tensor(ty) => {
            let sizes = written.map(|(_, sizes)| sizes).unwrap_or_default();
            let dims = sizes.iter().map(|size| format!("Const<{}>, ", spelling::text(size)));
            let dims = if sizes.is_empty() {
                "Const<I>, Const<O>".into()
            } else {
                dims.collect::<String>()
            };
            let message = format!(
                "a weight is a tensor: write `{name}: Tensor<({}), f32, Cpu>`, and no `shape`",
                if sizes.len() == 1 { dims.trim_end() } else { dims.trim_end_matches(", ") }
            );
            errors.push(ty.span(), message);
            sizes
        }
        (None, Some((_, sizes))) => sizes,
        (None, None) => {
            let message = format!(
                "the shape of `{name}` is not in its type: write `#[weight(shape = (I, 4 * O), ..)]`"
            );
            errors.push(ty.span(), message);
            Vec::new()
        }
    };
    let init = match given.init.as_ref().map(initializer::constant) {
        Some(Ok(constant)) => constant,
        Some(Err(message)) => {
            let end = if message.ends_with('?') { "" } else { ";" };
            let message = format!("{message}{end} `fill = ..` names a function of your own");
            errors.push(given.init.span(), message);
            Ident::new("ZEROS", Span::call_site())
        }
        None => {
            let message = format!(
                "say how `{name}` is filled: `#[weight(init = glorot_uniform)]`, or `zeros`, or another initializer of Keras"
            );
            if !given.told {
                errors.push(member.span(), message);
            }
            Ident::new("ZEROS", Span::call_site())
        }
    };
    Weight {
        sizes,
        open,
        init,
        trainable: given.trainable.unwrap_or(true),
        when: When { constant: given.when.take(), option: None },
        key: given.key.as_ref().map_or(name, |key| key.value()),
        given,
    }
}

/// Whether a type is for sure none of a weight.
fn is_no_tensor(ty: &Type) -> bool {
    let name = last(ty).map(|last| last.ident.to_string()).unwrap_or_default();
    matches!(ty, Type::Array(_)) || ["Vec", "Box", "f32", "f64", "usize"].contains(&name.as_str())
}

/// The sizes in `Tensor<Rank2<I, O>, ..>`, `Tensor<(Const<I>, Const<O>), ..>`.
pub(super) fn sizes_of(ty: &Type) -> Option<Vec<Expr>> {
    let sizes = |ty: &Type, name: &str| -> Option<Vec<Expr>> {
        let size = |argument| match argument {
            GenericArgument::Type(Type::Path(path)) => Some(parse_quote!(#path)),
            GenericArgument::Const(size) => Some(size),
            _ => None,
        };
        generic(ty, name)?.into_iter().map(size).collect()
    };
    match generic(ty, "Tensor")?.first()? {
        GenericArgument::Type(Type::Tuple(dims)) => {
            let sizes: Option<Vec<_>> = dims.elems.iter().map(|dim| sizes(dim, "Const")).collect();
            Some(sizes?.concat())
        }
        GenericArgument::Type(rank) => sizes(rank, "Rank"),
        _ => None,
    }
}
