//! Procedural macros of [`kerata`](https://docs.rs/kerata). They are documented there.

mod expand;
mod infer;
mod parse;
mod signal;

use proc_macro::TokenStream;

/// Makes a model of a struct with one layer a field. See `kerata::model`.
#[proc_macro_attribute]
pub fn model(arguments: TokenStream, item: TokenStream) -> TokenStream {
    match parse::Model::parse(arguments.into(), item.clone().into()) {
        Ok(model) => expand::expand(&model).into(),
        Err(error) => {
            // The struct itself stays, so that what uses it gives no further errors.
            let error = TokenStream::from(error.to_compile_error());
            parse::without_holes(item.into()).map_or_else(
                || error.clone(),
                |item| [error.clone(), item.into()].into_iter().collect(),
            )
        }
    }
}
