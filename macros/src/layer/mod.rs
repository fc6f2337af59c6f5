//! `#[layer]`: what a layer is, said once on its struct.

mod check;
mod expand;
mod options;
mod parse;
mod weight;

use proc_macro2::TokenStream;
use quote::quote;

use crate::signal;

pub(crate) fn layer(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let written = arguments.clone();
    let parsed = syn::parse2::<parse::Arguments>(arguments).and_then(|arguments| {
        let item = syn::parse2::<syn::ItemStruct>(item.clone()).map_err(|error| {
            syn::Error::new(error.span(), "`#[layer]` stands on the struct of a layer")
        })?;
        Ok(check::Layer::new(arguments, item))
    });
    match parsed {
        Ok(layer) => {
            let used = (!layer.errors.is_empty()).then(|| signal::used(written));
            let layer = expand::expand(&layer);
            quote!(#layer #used)
        }
        Err(error) => [error.to_compile_error(), item].into_iter().collect(),
    }
}
