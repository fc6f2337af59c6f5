//! Several outputs: the fields that `outputs(..)` names.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;

use crate::check::Model;

/// A constant of each output, `SIZE` of the field `size`.
pub(super) fn constants(model: &Model) -> TokenStream {
    if model.outputs.is_empty() {
        return TokenStream::new();
    }
    let (this, visibility) = (model.this(), &model.item.vis);
    let (generics, _, clause) = model.item.generics.split_for_impl();
    let constants = model.outputs.iter().enumerate().map(|(at, (field, span))| {
        let field = model.layers[*field].name.unraw().to_string();
        let (name, at) = (format_ident!("{}", field.to_uppercase()), Literal::usize_unsuffixed(at));
        let text = format!("The output `{field}`.");
        quote_spanned! {*span =>
            #[doc = #text]
            #[allow(dead_code, non_upper_case_globals)]
            #visibility const #name: ::kerata::model::Output<Self, #at> =
                ::kerata::model::Output::new();
        }
    });
    quote! {
        impl #generics #this #clause {
            #(#constants)*
        }
    }
}

/// The method of `Model` with their names.
pub(super) fn names(model: &Model) -> TokenStream {
    if model.outputs.is_empty() {
        return TokenStream::new();
    }
    let names = model.outputs.iter().map(|(field, _)| model.layers[*field].text());
    quote! {
        fn output_names() -> ::std::vec::Vec<::std::string::String> {
            ::std::vec![#(::std::string::String::from(#names)),*]
        }
    }
}

/// What is returned of the values: the last one, or those of the outputs.
pub(super) fn returned(model: &Model, mut one: impl FnMut(usize) -> TokenStream) -> TokenStream {
    if model.outputs.is_empty() {
        return one(model.layers.len());
    }
    let values = model.outputs.iter().map(|(field, _)| one(field + 1));
    quote!((#(#values,)*))
}
