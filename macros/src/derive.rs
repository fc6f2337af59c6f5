//! `Clone` and `Debug`, which every layer and model has.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Path, Token, parse_quote, punctuated::Punctuated, spanned::Spanned};

use crate::errors::Errors;

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

/// What no layer with weights has, and what there is in its place.
const REFUSED: [(&str, &str); 9] = [
    ("PartialEq", WEIGHTS),
    ("Eq", WEIGHTS),
    ("PartialOrd", WEIGHTS),
    ("Ord", WEIGHTS),
    ("Hash", WEIGHTS),
    ("Default", "`build(&dev)` makes a new model"),
    ("Copy", "`clone()` makes a copy of all weights"),
    ("Serialize", FILES),
    ("Deserialize", FILES),
];
const WEIGHTS: &str = "compare what it predicts, or its `parameters()`";
const FILES: &str =
    "`save_weights` and `load_weights` are for its weights, `to_json` is for its layers";

/// Takes away what cannot be derived for a struct of layers with weights, and gives the names of that.
pub(crate) fn refuse(attributes: &mut [Attribute], errors: &mut Errors) -> Vec<&'static str> {
    let mut refused = Vec::new();
    for attribute in attributes.iter_mut().filter(|attribute| attribute.path().is_ident("derive")) {
        let parsed = attribute.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated);
        let Ok(paths) = parsed else { continue };
        let mut kept = Punctuated::<Path, Token![,]>::new();
        for path in paths {
            let last = path.segments.last().map(|last| last.ident.to_string());
            match REFUSED.iter().find(|(name, _)| last.as_deref() == Some(name)) {
                Some((name, instead)) => {
                    let message =
                        format!("layers have no `{name}`, so a model has none: {instead}");
                    errors.push(path.span(), message);
                    refused.push(*name);
                }
                None => kept.push(path),
            }
        }
        *attribute = parse_quote!(#[derive(#kept)]);
    }
    refused
}
