//! The words of the compiler, for errors at run time too.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, Ident, ItemTrait, MetaNameValue, Token, punctuated::Punctuated};

/// A constant of this name with the message and the notes of a trait's `#[diagnostic::on_unimplemented(..)]`.
pub(crate) fn constant(name: &Ident, item: &ItemTrait) -> syn::Result<TokenStream> {
    let said = item.attrs.iter().find(|attribute| {
        attribute.path().segments.last().is_some_and(|last| last.ident == "on_unimplemented")
    });
    let said =
        said.ok_or_else(|| syn::Error::new(name.span(), "`on_unimplemented` stands below"))?;
    let said = said.parse_args_with(Punctuated::<MetaNameValue, Token![,]>::parse_terminated)?;
    let all = |key: &str| -> Vec<&Expr> {
        let pairs = said.iter().filter(|pair| pair.path.is_ident(key));
        pairs.map(|pair| &pair.value).collect()
    };
    let (message, notes) = (all("message"), all("note"));
    Ok(quote! {
        pub(crate) const #name: crate::error::Words<'static> =
            crate::error::Words { message: #(#message)*, notes: &[#(#notes),*] };
    })
}
