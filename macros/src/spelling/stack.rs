//! What a `StackedRnn` is made of.

use kerata_format::table::{Known, known};
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{GenericArgument, PathArguments, PathSegment, Type};

use super::arguments::{is_ours, text};
use crate::signal::last_name;

/// The layers of the crate that a stack may have.
const RECURRENT: [&str; 4] = ["Lstm", "Gru", "SimpleRnn", "Rnn"];

/// Where a stack is made of one layer, or of one that is not recurrent, and what is said of it.
pub(super) fn mistake(layer: &Known, segment: &PathSegment) -> Option<(TokenStream, String)> {
    let PathArguments::AngleBracketed(given) = &segment.arguments else { return None };
    let Some(GenericArgument::Type(within)) =
        given.args.first().filter(|_| layer.name == "StackedRnn" && given.args.len() == 1)
    else {
        return None;
    };
    let one = match within {
        Type::Tuple(tuple) => match tuple.elems.iter().find(|element| is_other(element)) {
            Some(other) => return Some((other.to_token_stream(), not_in_a_stack(other))),
            None if tuple.elems.len() > 6 => {
                let count = tuple.elems.len();
                let message = format!(
                    "a `StackedRnn` has six layers at most, and this one {count}: write two of them, the first with `Sequences` in its last layer"
                );
                return Some((within.to_token_stream(), message));
            }
            None if tuple.elems.len() == 1 => tuple.elems.first()?,
            None => return None,
        },
        Type::Path(path) if is_ours(&path.path) && known(&last_name(&path.path)).is_some() => {
            within
        }
        _ => return None,
    };
    let message = match is_other(one) {
        true => not_in_a_stack(one),
        false => {
            format!(
                "a `StackedRnn` is a tuple of two to six layers; one is itself: write `{}`",
                text(one)
            )
        }
    };
    Some((within.to_token_stream(), message))
}

/// Whether this is a layer of the crate that no stack has.
fn is_other(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    let name = last_name(&path.path);
    is_ours(&path.path) && known(&name).is_some() && !RECURRENT.contains(&name.as_str())
}

fn not_in_a_stack(ty: &Type) -> String {
    format!(
        "`{}` is not a layer of a `StackedRnn`: one recurrent layer is needed here: `Lstm<..>`, `Gru<..>`, `SimpleRnn<..>` or `Rnn<..>`",
        text(ty)
    )
}

/// The fields by which one comes to a stack, `.forward` for one in both directions; `None` if the layer is none, and has none within.
pub(crate) fn within(ty: &Type) -> Option<String> {
    let Type::Path(path) = ty else { return None };
    let name = last_name(&path.path);
    if name == "StackedRnn" {
        return Some(String::new());
    }
    let field = match name.as_str() {
        "Bidirectional" => ".forward",
        "ReturnState" => ".layer",
        _ => return None,
    };
    match &path.path.segments.last()?.arguments {
        PathArguments::AngleBracketed(given) => match given.args.first()? {
            GenericArgument::Type(inner) => within(inner).map(|rest| format!("{field}{rest}")),
            _ => None,
        },
        _ => None,
    }
}
