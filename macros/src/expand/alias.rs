//! Fields whose type is perhaps another name of one, so that what it says is known behind the checks only.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::Type;

use crate::check::{Layer, Model};

/// Whether a field may have another name of a type, or is a `Sequential`: there may be an error in the type itself. Not the one that
/// is [`last`], unless the wiring is [beside](has_wires_beside) the struct.
pub(super) fn is_alias(model: &Model, layer: &Layer) -> bool {
    let is_last = model.layers.get(last(model)).is_some_and(|last| last.name == layer.name);
    (!is_last || has_wires_beside(model)) && may_be_alias(model, layer)
}

/// Whether each field may have another name of a type: then the size of the struct is known behind the checks only.
pub(super) fn has_wires_beside(model: &Model) -> bool {
    !model.layers.is_empty() && model.layers.iter().all(|layer| may_be_alias(model, layer))
}

/// The type that has the wiring beside the struct.
pub(super) fn beside(model: &Model) -> Option<TokenStream> {
    let name = has_wires_beside(model).then(|| model.wires_at(Span::call_site()))?;
    let visibility = &model.item.vis;
    Some(quote! {
        #[doc(hidden)]
        #[allow(dead_code, missing_debug_implementations)]
        #visibility struct #name;
    })
}

pub(super) fn may_be_alias(model: &Model, layer: &Layer) -> bool {
    let Type::Path(path) = &layer.ty else { return false };
    let Some(last) = path.path.segments.last() else { return false };
    let may_be = last.arguments.is_none() || last.ident == "Sequential";
    let evaluated = !model.is_generic() && !model.of_file && model.errors.is_empty();
    may_be && evaluated && !layer.is_ours() && layer.again.is_none()
}

/// The field that is the last one of the struct: with its type the compiler wants to know whether the model has a size, before it can
/// look at a check.
pub(super) fn last(model: &Model) -> usize {
    let plain = model.layers.iter().rposition(|layer| !may_be_alias(model, layer));
    plain.unwrap_or(model.layers.len().saturating_sub(1))
}
