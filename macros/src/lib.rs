//! Procedural macros of [`kerata`](https://docs.rs/kerata). They are documented there.

mod check;
mod derive;
mod errors;
mod expand;
mod infer;
mod initializer;
mod layer;
mod names;
mod parse;
mod signal;

use proc_macro::TokenStream;

/// Makes a model of a struct with one layer a field. See `kerata::model`.
#[proc_macro_attribute]
pub fn model(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let parsed = syn::parse::<parse::Arguments>(arguments).and_then(|arguments| {
        let item = syn::parse::<syn::ItemStruct>(item.clone()).map_err(|error| {
            syn::Error::new(error.span(), "`#[model]` stands on a struct with one layer a field")
        })?;
        Ok(check::Model::new(arguments, item))
    });
    match parsed {
        Ok(Ok(model)) => expand::expand(&model).into(),
        // The item itself stays, so that what uses it gives fewer further errors.
        Ok(Err(refused)) => {
            let (errors, item) = *refused;
            let (errors, item) = (errors.tokens(), infer::without_holes(item));
            quote::quote!(#errors #item).into()
        }
        Err(error) => [error.to_compile_error().into(), item].into_iter().collect(),
    }
}

/// Says once, on its struct, what a layer is. See `kerata::layer`.
#[proc_macro_attribute]
pub fn layer(arguments: TokenStream, item: TokenStream) -> TokenStream {
    layer::layer(arguments.into(), item.into()).into()
}
