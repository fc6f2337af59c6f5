//! The options of a layer: how they are set, checked, written and read.

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, ext::IdentExt, parse_quote, spanned::Spanned};

use crate::{
    expand::optional,
    layer::{
        check::{Field, Kind, Layer, Weight},
        parse::Key,
    },
    literal::number,
    signal::Dim,
};

/// The names of all weights with the key of one. Of two of one name, the layer has one or the other.
fn names(layer: &Layer, of: &Weight) -> Vec<String> {
    let same = layer.weights().filter(|(_, weight)| weight.key == of.key);
    let mut names: Vec<String> = same.map(|(field, _)| field.text()).collect();
    names.dedup();
    names
}

/// The check of the options, where one has a range.
pub(super) fn options(layer: &Layer) -> TokenStream {
    let checks: Vec<TokenStream> = layer
        .fields
        .iter()
        .filter_map(|Field { member, kind, .. }| {
            let Kind::Option { key, range: Some(range), .. } = kind else { return None };
            let expected = expected(range);
            Some(quote! {
                if !(#range).contains(&self.#member) {
                    return ::core::result::Result::Err(::kerata::Error::Invalid {
                        name: #key,
                        value: ::std::string::ToString::to_string(&self.#member),
                        expected: #expected,
                    });
                }
            })
        })
        .collect();
    if checks.is_empty() {
        return TokenStream::new();
    }
    let this = layer.this();
    let (generics, _, clause) = layer.item.generics.split_for_impl();
    quote! {
        impl #generics #this #clause {
            #[allow(dead_code)]
            /// Looks whether the options are in their ranges.
            ///
            /// # Errors
            /// [`Error::Invalid`](::kerata::Error::Invalid).
            fn check_options(&self) -> ::core::result::Result<(), ::kerata::Error> {
                #(#checks)*
                ::core::result::Result::Ok(())
            }
        }
    }
}

/// What `#[with(..)]` may set: the options, and how the weights are filled.
pub(super) fn settings(layer: &Layer) -> TokenStream {
    if let Some((field, inner)) = layer.has_options_of() {
        return super::within::settings(layer, field, inner);
    }
    let this = layer.this();
    let (generics, _, clause) = layer.item.generics.split_for_impl();
    let settings = layer.fields.iter().filter_map(|field| {
        let Field { member, ty, kind } = field;
        match kind {
            Kind::Weight(weight) if weight.given.keys == Some(false) => None,
            Kind::Weight(weight) => {
                let (names, key) = (names(layer, weight), format!("{}_initializer", weight.key));
                let set =
                    quote!(::kerata::config::Initializer::refill(value, self, &[#(#names),*]));
                Some((key, quote!(::kerata::config::Initializer), set, None))
            }
            Kind::Option { key, range, .. } => {
                let check = range.as_ref().map(|_| quote!(self.check_options()?;));
                let set = quote! {
                    self.#member = value;
                    #check
                    ::core::result::Result::Ok(())
                };
                Some((key.clone(), ty.to_token_stream(), set, range.as_ref()))
            }
            _ => None,
        }
    });
    let mut said = HashSet::new();
    let settings: Vec<_> = settings.filter(|(key, ..)| said.insert(key.clone())).collect();
    let title = layer.title();
    let options = settings.iter().map(|(name, .., range)| {
        let ends = match range {
            Some(Expr::Range(range)) => [&range.start, &range.end],
            _ => [&None, &None],
        };
        let [low, high] = ends.map(|end| optional(end.as_deref().and_then(number)));
        let expected = range.map(expected).unwrap_or_default();
        quote!((#name, [#low, #high], #expected))
    });
    let mut said = HashSet::new();
    let weights = layer.weights().filter(|(_, weight)| {
        weight.given.regularizer.unwrap_or(weight.trainable) && said.insert(&weight.key)
    });
    let weights = weights.map(|(field, weight)| {
        let (key, name) = (&weight.key, field.text());
        // A rule is of all weights that are called so, in whichever group.
        let name = name.rsplit('.').next();
        quote!((#key, #name))
    });
    let impls = settings.iter().enumerate().map(|(i, (_, ty, set, _))| {
        quote! {
            impl #generics ::kerata::model::Setting<#i> for #this #clause {
                type Value = #ty;

                fn set(&mut self, value: #ty) -> ::core::result::Result<(), ::kerata::Error> {
                    #set
                }
            }
        }
    });
    let impls = layer.errors.is_empty().then(|| quote!(#(#impls)*));
    quote! {
        #[diagnostic::do_not_recommend]
        impl #generics ::kerata::model::Options for #this #clause {
            const LAYER: &'static str = #title;
            const OPTIONS: &'static [(
                &'static str,
                [::core::option::Option<f64>; 2],
                &'static str,
            )] = &[#(#options),*];
            const WEIGHTS: &'static [(&'static str, &'static str)] = &[#(#weights),*];
        }
        #impls
    }
}

/// `it must be in 0..=1`, `it must be finite and at least 0`.
fn expected(range: &Expr) -> String {
    let words = range.to_token_stream().into_iter().map(|token| token.to_string());
    let words = words.map(|word| word.strip_suffix(".0").map_or(word.clone(), str::to_owned));
    let words: String = words.collect();
    match words.strip_suffix("..=f64::MAX") {
        Some(least) => format!("it must be finite and at least {least}"),
        None => format!("it must be in {words}"),
    }
}

pub(super) fn configured(layer: &Layer) -> TokenStream {
    let Some(class) = &layer.arguments.class else { return TokenStream::new() };
    let (element, device) =
        layer.types.clone().unwrap_or_else(|| (parse_quote!(f32), parse_quote!(::kerata::Cpu)));
    let this = layer.this();
    let (generics, _, clause) = layer.item.generics.split_for_impl();
    let dtype = layer.types.as_ref().map(|(element, _)| quote!(fields.dtype::<#element>();));
    let input = layer.arguments.input.as_ref().map(|input| {
        let size = |dim: &Dim| optional(dim.size(&layer.item.generics));
        if !input.any_rank {
            let sizes = input.dims.iter().map(size);
            return quote!(fields.input(&[#(#sizes),*]););
        }
        let features = input.dims.last().and_then(|last| last.size(&layer.item.generics));
        features.map(|features| quote!(fields.features(#features);)).unwrap_or_default()
    });
    let weights = || {
        let mut said = HashSet::new();
        let with_keys = layer.weights().filter(|(_, weight)| weight.given.keys != Some(false));
        let keys = with_keys.filter_map(|(_, weight)| {
            let (key, names, constant) = (&weight.key, names(layer, weight), &weight.init);
            let regularizer = weight.given.regularizer.unwrap_or(weight.trainable);
            said.insert(key).then(|| quote! {
                fields.weight(#key, &[#(#names),*], ::kerata::config::Initializer::#constant, #regularizer);
            })
        });
        keys.collect::<TokenStream>()
    };
    let own = layer.fields.iter().map(|field| {
        let (member, name) = (&field.member, field.text());
        match &field.kind {
            Kind::Option { key, default, call: true, .. } => {
                quote_spanned!(field.ty.span() => fields.call_argument(#key, &mut self.#member, #default);)
            }
            Kind::Option { key, default, range, .. } => {
                let rule = range.as_ref().map(|range| {
                    let expected = expected(range);
                    quote!(&|value| (#range).contains(value), #expected)
                });
                let rule = rule.unwrap_or_else(|| quote!(&|_| true, ""));
                quote_spanned!(field.ty.span() => fields.option(#key, &mut self.#member, #default, #rule);)
            }
            Kind::Inner { .. } => quote!(fields.layer_within(#name, &mut self.#member);),
            _ => TokenStream::new(),
        }
    });
    let keys = layer.arguments.keys.iter().map(|key| match key {
        Key::Weights => weights(),
        Key::Call { name, method, arguments } => {
            let name = name.as_ref().map(|name| name.unraw().to_string()).into_iter();
            quote_spanned!(method.span() => fields.#method(#(#name,)* #arguments);)
        }
    });
    let placed = layer.arguments.keys.iter().any(|key| matches!(key, Key::Weights));
    let rest = (!placed).then(weights);
    let body = layer.errors.is_empty().then(|| quote!(#dtype #input #(#own)* #(#keys)* #rest));
    let accepts = layer.arguments.accepts.as_ref().map(|accepts| {
        quote! {
            fn accepts(class: &str) -> bool {
                class == <Self as ::kerata::config::Configured>::CLASS || (#accepts)(class)
            }
        }
    });
    let hidden = layer.hidden();
    quote! {
        #hidden
        impl #generics ::kerata::config::Configured for #this #clause {
            const CLASS: &'static str = #class;
            type Element = #element;
            type Device = #device;

            fn describe(&mut self, fields: &mut ::kerata::config::Fields) {
                let _ = &fields;
                #body
            }

            #accepts
        }
    }
}
