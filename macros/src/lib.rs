//! Procedural macros of [`kerata`](https://docs.rs/kerata). They are documented there.

mod activation;
mod check;
mod derive;
mod errors;
mod expand;
mod infer;
mod initializer;
mod keras;
mod layer;
mod literal;
mod merges;
mod names;
mod parse;
mod rules;
mod signal;
mod slips;
mod spelling;
mod witness;
mod words;

use proc_macro::TokenStream;

/// Makes a model of a struct with one layer a field. See `kerata::model`.
#[proc_macro_attribute]
pub fn model(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let braced = slips::brace(item.clone().into());
    let mut slipped = false;
    let structure = syn::parse2::<syn::ItemStruct>(braced.clone()).or_else(|error| {
        slipped = slips::is_struct(&braced);
        slips::instead(&braced).ok_or(error)
    });
    let structure = match structure {
        Ok(structure) => structure,
        // What is no Rust, the compiler has told already.
        Err(_) if slipped => return slips::called(&item.into()).into(),
        Err(error) => {
            let message = "`#[model]` stands on a struct with one layer a field";
            let error = syn::Error::new(error.span(), message).to_compile_error();
            return [error.into(), item].into_iter().collect();
        }
    };
    let called = slipped.then(|| slips::called(&item.into()));
    let written = arguments.clone().into();
    let mut arguments = match syn::parse::<parse::Arguments>(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let mut arguments = parse::Arguments::default();
            arguments.keys.push("input".to_owned());
            arguments.errors.add(error);
            arguments
        }
    };
    if slipped {
        arguments.output = None;
    }
    if let Some(file) = arguments.keras.clone() {
        return keras::model(&file, arguments, structure).into();
    }
    match check::Model::new(arguments, structure) {
        Ok(model) => {
            let used = model.lost_signal.then(|| signal::used(written));
            let model = expand::expand(&model);
            quote::quote!(#model #used #called).into()
        }
        // The item itself stays, so that what uses it gives fewer further errors.
        Err(refused) => {
            let (errors, item) = *refused;
            let (errors, item) = (errors.tokens(), infer::without_holes(item));
            let used = signal::used(written);
            quote::quote!(#errors #item #used).into()
        }
    }
}

/// Says once, on its struct, what a layer is. See `kerata::layer`.
#[proc_macro_attribute]
pub fn layer(arguments: TokenStream, item: TokenStream) -> TokenStream {
    layer::layer(arguments.into(), item.into()).into()
}

/// For `kerata` itself: the names that its layers have in Keras and PyTorch, as constants.
#[doc(hidden)]
#[proc_macro]
pub fn elsewhere(_: TokenStream) -> TokenStream {
    spelling::elsewhere().into()
}

/// For `kerata` itself: a constant of the words of a trait's `#[diagnostic::on_unimplemented(..)]`.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn words(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let constant = syn::parse(arguments)
        .and_then(|name| words::constant(&name, &syn::parse(item.clone())?))
        .unwrap_or_else(|error| error.to_compile_error());
    // The trait itself stays as it was written.
    [constant.into(), item].into_iter().collect()
}
