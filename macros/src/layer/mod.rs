//! `#[layer]`: what a layer is, said once on its struct.

mod check;
mod expand;
mod options;
mod parse;

use proc_macro2::TokenStream;

pub(crate) fn layer(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let parsed = syn::parse2::<parse::Arguments>(arguments).and_then(|arguments| {
        let item = syn::parse2::<syn::ItemStruct>(item.clone()).map_err(|error| {
            syn::Error::new(error.span(), "`#[layer]` stands on the struct of a layer")
        })?;
        Ok(check::Layer::new(arguments, item))
    });
    match parsed {
        Ok(layer) => expand::expand(&layer),
        Err(error) => [error.to_compile_error(), item].into_iter().collect(),
    }
}
