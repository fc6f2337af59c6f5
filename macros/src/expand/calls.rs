//! The model as a layer: a chain of calls, or a graph of them.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use super::{Wired, outputs, rules};
use crate::check::Model;

pub(super) fn layer(model: &Model, wired: &[Wired]) -> TokenStream {
    let (input, element, device) = (model.value(0), &model.element, &model.device);
    let out = model.output();
    // For every signal, under a bound: so the compiler says what the model takes, and lists no impls.
    let mut generics = model.item.generics.clone();
    // All with the place of `input`, which is shown then.
    let span = model.input_span;
    let bound = quote_spanned!(span => KerataIn: ::kerata::model::Arrives<#input>);
    generics.params.push(syn::parse_quote_spanned!(span => #bound));
    let (generics, _, clause) = generics.split_for_impl();
    let (call, call_mut) = if model.is_chain() {
        (chain(model, wired, false), chain(model, wired, true))
    } else {
        (graph(model, wired, false), graph(model, wired, true))
    };
    let reaches = quote!(<KerataIn as ::kerata::model::Reaches<#input>>);
    let data = |signal: &TokenStream| quote!(<#signal as ::kerata::signal::Signal>::Data<#element, #device, KerataTape>);
    let (x, y) = (data(&quote!(KerataIn)), data(&quote!(Self::Out)));
    let passes = [call, call_mut].map(|call| {
        quote! {
            let x = #reaches::reach::<#element, #device, KerataTape>(x);
            #call
            ::core::result::Result::Ok(#reaches::gives::<#out, #element, #device, KerataTape>(y))
        }
    });
    let [call, call_mut] = passes;
    let this = model.this_at(span);
    let layer = quote_spanned!(span => ::kerata::Layer<KerataIn, #element, #device>);
    let functions = quote! {
        type Out = #reaches::Gives<#out>;

        fn call<KerataTape: ::kerata::model::Tape<#element, #device>>(
            &self,
            x: #x,
        ) -> ::core::result::Result<#y, ::kerata::Error> {
            #call
        }

        fn call_mut<KerataTape: ::kerata::model::Tape<#element, #device>>(
            &mut self,
            x: #x,
        ) -> ::core::result::Result<#y, ::kerata::Error> {
            #call_mut
        }
    };
    quote_spanned! {span =>
        impl #generics #layer for #this #clause {
            #functions
        }
    }
}

/// The call of one layer.
fn apply(model: &Model, i: usize, wired: &Wired, training: bool) -> TokenStream {
    let layer = model.holder(i);
    let (through, name) = (&wired.through.layer, &layer.name);
    if training && layer.with.frozen {
        // As in Keras, the statistics of a layer that does not train stay, and are what it uses.
        let parameters = &wired.through.parameters;
        quote! {
            if #parameters::PARAMS == #parameters::TRAINABLE {
                #through::call_mut::<KerataTape>(&mut self.#name, x)?
            } else {
                #through::call::<KerataTape>(&self.#name, x)?
            }
        }
    } else if training {
        quote!(#through::call_mut::<KerataTape>(&mut self.#name, x)?)
    } else {
        quote!(#through::call::<KerataTape>(&self.#name, x)?)
    }
}

fn chain(model: &Model, wired: &[Wired], training: bool) -> TokenStream {
    let calls = model.layers.iter().zip(wired).enumerate().map(|(i, (layer, wired))| {
        let call = apply(model, i, wired, training);
        let active = rules::active(model, layer, &model.value(i + 1));
        quote!(let x = #call; #active)
    });
    quote! {
        #(#calls)*
        let y = x;
    }
}

/// Branches: the values wait without a tape, and the tape goes from call to call.
fn graph(model: &Model, wired: &[Wired], training: bool) -> TokenStream {
    let (element, device) = (&model.element, &model.device);
    let signal = |number| {
        let signal = model.value(number);
        quote!(<#signal as ::kerata::signal::Signal>)
    };
    let calls = model.layers.iter().zip(wired).enumerate().map(|(i, (layer, wired))| {
        let shared = layer.from.iter().map(|&from| shared(model, from));
        let shared = match layer.from.as_slice() {
            [_] => quote!(#(#shared)*),
            _ => quote!((#(#shared,)*)),
        };
        let (reaches, gives) = (&wired.input, signal(i + 1));
        let (call, result) = (apply(model, i, wired, training), variable(i + 1));
        let active = rules::active(model, layer, &model.value(i + 1));
        quote! {
            let x = <#reaches as ::kerata::signal::Signal>::put_tape::<#element, #device, KerataTape>(
                #shared,
                tape,
            );
            let x = #call;
            #active
            let (#result, tape) = #gives::split_tape::<#element, #device, KerataTape>(x);
        }
    });
    let (first, input) = (variable(0), signal(0));
    let out = model.output();
    let last = match model.outputs.as_slice() {
        [] => variable(model.layers.len()).into_token_stream(),
        _ => outputs::returned(model, |number| shared(model, number)),
    };
    quote! {
        let (#first, tape) = #input::split_tape::<#element, #device, KerataTape>(x);
        #(#calls)*
        let y = <#out as ::kerata::signal::Signal>::put_tape::<#element, #device, KerataTape>(#last, tape);
    }
}

pub(super) fn variable(number: usize) -> Ident {
    quote::format_ident!("value{number}")
}

/// The data of a value, once more.
fn shared(model: &Model, number: usize) -> TokenStream {
    let (element, device) = (&model.element, &model.device);
    let part = number.checked_sub(model.part(0)).map(|index| &model.parts[index]);
    match part {
        Some(part) => {
            let (pair, at) = (model.value(part.of), Literal::usize_unsuffixed(part.at));
            let (checked, data) =
                (model.checked(number, "CHECK", part.span), shared(model, part.of));
            quote! {
                <#checked as ::kerata::model::Part<#at, #pair>>::take::<#element, #device>(#data)
            }
        }
        None => {
            let (signal, variable) = (model.value(number), variable(number));
            quote! {
                <#signal as ::kerata::signal::Signal>::share::<#element, #device>(&#variable)
            }
        }
    }
}
