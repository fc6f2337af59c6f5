//! The names within a type that was refused.

use kerata_format::table::known;
use proc_macro2::TokenTree;
use quote::ToTokens;
use syn::{Type, parse_quote};

use super::{harmless, words::words};

/// The words and layers in the parameters of a type, as types: those that stand alone, without a path.
pub(crate) fn names_in(ty: &Type) -> Vec<Type> {
    // The type itself stays, with other parameters.
    let mut names = Vec::new();
    collect(ty.to_token_stream().into_iter().skip(1), &mut names);
    names
}

fn collect(tokens: impl Iterator<Item = TokenTree>, names: &mut Vec<Type>) {
    let mut in_path = false;
    for token in tokens {
        let is_path = matches!(&token, TokenTree::Punct(of) if of.as_char() == ':');
        let was_path = std::mem::replace(&mut in_path, is_path);
        match token {
            TokenTree::Ident(ident) if !was_path => {
                let layer = known(&ident.to_string());
                if words().any(|word| ident == word.name) {
                    names.push(parse_quote!(#ident));
                } else if let Some(layer) = layer {
                    names.extend(syn::parse2(harmless(&ident.into(), layer)));
                }
            }
            TokenTree::Group(group) => collect(group.stream().into_iter(), names),
            _ => {}
        }
    }
}
