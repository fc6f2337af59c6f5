//! A model from a file of Keras: `#[model(keras = "models/ner.keras")] struct Ner;`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Fields, Generics, Ident, ItemStruct, LitStr, Visibility, spanned::Spanned};

#[cfg(not(feature = "keras"))]
use without as file;

#[cfg(feature = "keras")]
mod file;

use crate::{check, expand, parse::Arguments};

/// One struct for the model, and one for each model in it.
pub(crate) fn model(path: &LitStr, mut arguments: Arguments, item: ItemStruct) -> TokenStream {
    refuse_what_the_file_says(&mut arguments, &item);
    let bare = ItemStruct { generics: Generics::default(), ..item };
    let mut structs = match arguments.errors.is_empty() {
        true => file::structs(path, &mut arguments, &bare),
        false => Vec::new(),
    };
    if !arguments.errors.is_empty() {
        // What uses the model is to be silent about it.
        structs = vec![nothing(path, &bare)];
    }
    let (embed, name, vis) = (arguments.embed, bare.ident.clone(), bare.vis.clone());
    let load = load(path, embed, arguments.errors.is_empty(), &name, &vis);
    let mut outer = Some(arguments);
    let mut expanded: Vec<TokenStream> = structs
        .into_iter()
        .rev()
        .map(|Written { input, outputs, item }| {
            // The first is the model itself, for which the user may say more.
            let own = outer.take().unwrap_or_default();
            let own = Arguments { input: syn::parse2(input).ok(), outputs, ..own };
            let own = Arguments { keras: Some(path.clone()), keys: vec!["input".into()], ..own };
            match check::Model::new(own, item) {
                Ok(model) => expand::expand(&model),
                Err(refused) => refused.0.tokens(),
            }
        })
        .collect();
    expanded.push(load);
    expanded.into_iter().collect()
}

/// A struct that a file says.
pub(crate) struct Written {
    input: TokenStream,
    outputs: Vec<Ident>,
    item: ItemStruct,
}

fn refuse_what_the_file_says(arguments: &mut Arguments, item: &ItemStruct) {
    let span = item.ident.span();
    let of_file = [
        ("input", arguments.input.as_ref().map(|input| input.span())),
        ("outputs", arguments.outputs.first().map(Ident::span)),
        ("element", arguments.element.as_ref().map(Spanned::span)),
        ("device", arguments.device.as_ref().map(Spanned::span)),
    ];
    for (key, given) in of_file {
        if let Some(given) = given {
            let message =
                format!("with `keras = \"..\"`, the file says all of that: leave out `{key}`");
            arguments.errors.push(given, message);
        }
    }
    if !matches!(item.fields, Fields::Unit) {
        let message = format!("the layers are those of the file: write `struct {};`", item.ident);
        arguments.errors.push(item.fields.span(), message);
    } else if !item.generics.params.is_empty() {
        arguments.errors.push(span, "a model from a file has no generic parameters");
    }
}

/// A model of one layer that does nothing.
fn nothing(path: &LitStr, item: &ItemStruct) -> Written {
    let span = path.span();
    let ItemStruct { attrs, vis, ident, .. } = item;
    let item = quote_spanned! {span =>
        #(#attrs)* #vis struct #ident { kerata: ::kerata::Identity }
    };
    Written {
        input: quote_spanned!(span => (::kerata::Batch,)),
        outputs: Vec::new(),
        item: syn::parse2(item).expect("a struct"),
    }
}

/// How the weights are read, and that cargo looks at the file if that could be read.
fn load(path: &LitStr, embed: bool, is_read: bool, name: &Ident, vis: &Visibility) -> TokenStream {
    let file = match std::path::Path::new(&path.value()).is_absolute() {
        true => quote!(#path),
        false => quote!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/", #path)),
    };
    let bytes = match is_read {
        true => quote!(::core::include_bytes!(#file)),
        false => quote!(&[0; 0]),
    };
    if path.value().to_lowercase().ends_with(".json") {
        return quote!(const _: &[u8] = #bytes;);
    }
    let result = quote!(::core::result::Result<Self, ::kerata::Error>);
    let build = quote! {
        let dev = <::kerata::Cpu as ::core::default::Default>::default();
        let mut model = <Self as ::kerata::parameters::Build<f32, ::kerata::Cpu>>::build(&dev)?;
    };
    let (watch, load) = match embed {
        true => (
            TokenStream::new(),
            quote! {
                /// The model with the weights of its file, which is a part of this program.
                ///
                /// # Errors
                /// Those of `load_keras_bytes`.
                #[allow(dead_code)]
                #vis fn load() -> #result {
                    #build
                    let bytes = ::std::vec::Vec::from(*#bytes);
                    ::kerata::keras::KerasFiles::load_keras_bytes(&mut model, bytes)?;
                    ::core::result::Result::Ok(model)
                }
            },
        ),
        false => (
            quote!(const _: &[u8] = #bytes;),
            quote! {
                /// The model with the weights of a file: the one that it was made from, or another one that fits.
                ///
                /// # Errors
                /// Those of `load_keras`.
                #[allow(dead_code)]
                #vis fn load(path: impl ::core::convert::AsRef<::std::path::Path>) -> #result {
                    #build
                    ::kerata::keras::KerasFiles::load_keras(&mut model, path)?;
                    ::core::result::Result::Ok(model)
                }
            },
        ),
    };
    quote! {
        #watch

        impl #name {
            #load
        }
    }
}

#[cfg(not(feature = "keras"))]
mod without {
    use syn::{ItemStruct, LitStr};

    use super::{Arguments, Written};

    pub(super) fn structs(
        path: &LitStr,
        arguments: &mut Arguments,
        _: &ItemStruct,
    ) -> Vec<Written> {
        let message = "files of Keras need a feature of kerata: `kerata = { version = \"..\", features = [\"keras\"] }`";
        arguments.errors.push(path.span(), message);
        Vec::new()
    }
}
