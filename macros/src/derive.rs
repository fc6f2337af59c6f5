//! `Clone` and `Debug`, which every layer and model has.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Attribute;

/// Which of the two are not derived already.
pub(crate) fn missing_derives(attributes: &[Attribute]) -> Vec<TokenStream> {
    let derives = [("Clone", quote!(::core::clone::Clone)), ("Debug", quote!(::core::fmt::Debug))];
    derives
        .into_iter()
        .filter(|(name, _)| !derives_one(attributes, name))
        .map(|(_, path)| path)
        .collect()
}

/// Whether a trait is derived already.
pub(crate) fn derives_one(attributes: &[Attribute], name: &str) -> bool {
    attributes.iter().any(|attribute| derives(attribute, name))
}

fn derives(attribute: &Attribute, name: &str) -> bool {
    let mut found = false;
    if attribute.path().is_ident("derive") {
        // What does not parse here is told by the derive itself.
        let _ = attribute.parse_nested_meta(|meta| {
            found |= meta.path.segments.last().is_some_and(|last| last.ident == name);
            Ok(())
        });
    }
    found
}
