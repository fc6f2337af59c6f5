//! The model as a layer: a chain of calls, or a graph of them.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use super::{Wired, fusion, outputs, rules, windows};
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
fn apply(model: &Model, wired: &[Wired], i: usize, training: bool) -> TokenStream {
    let call = result(model, wired, i, training);
    // Those of which an error may say that sizes are no good which no type knows.
    let layer = &model.layers[i];
    let sizes = layer.from.len() > 1 || windows::has(layer);
    let named = sizes.then(|| {
        let name = layer.text();
        quote!(.map_err(|error| ::kerata::Error::in_layer(error, #name)))
    });
    quote!(#call #named?)
}

/// The result of the call.
fn result(model: &Model, wired: &[Wired], i: usize, training: bool) -> TokenStream {
    let (layer, through) = (model.holder(i), &wired[i].through);
    let (name, pass) = (&layer.name, &through.layer);
    let behind = fusion::behind(model, i, training);
    if let Some(behind) = behind {
        let fused = behind.fused(model, wired, i, training);
        return if training {
            quote!(#pass::pass_mut::<KerataTape>(&mut self.#name, x, #fused, &mut ahead))
        } else {
            quote!(#pass::pass::<KerataTape>(&self.#name, x, #fused, &mut ahead))
        };
    }
    if training && layer.with.frozen {
        // As in Keras, the statistics of a layer that does not train stay, and are what it uses; what drops does.
        let parameters = &through.parameters;
        quote! {
            (if #parameters::PARAMS == #parameters::TRAINABLE || #parameters::HOLDS {
                ::kerata::layer::resting(|| #pass::call_mut::<KerataTape>(&mut self.#name, x))
            } else {
                #pass::call::<KerataTape>(&self.#name, x)
            })
        }
    } else if training {
        quote!(#pass::call_mut::<KerataTape>(&mut self.#name, x))
    } else {
        quote!(#pass::call::<KerataTape>(&self.#name, x))
    }
}

fn chain(model: &Model, wired: &[Wired], training: bool) -> TokenStream {
    let calls = model.layers.iter().enumerate().map(|(i, layer)| {
        let call = apply(model, wired, i, training);
        let active = rules::active(model, layer, &model.value(i + 1));
        quote!(let x = #call; #active)
    });
    let ahead = fusion::ahead(model, training);
    quote! {
        #ahead
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
    let calls = model.layers.iter().enumerate().map(|(i, layer)| {
        let values = layer.from.iter().enumerate().map(|(at, &from)| {
            if uses(model, i).skip(at + 1).any(|later| later == root(model, from)) {
                shared(model, from)
            } else {
                moved(model, from)
            }
        });
        let values = match layer.from.as_slice() {
            [_] => quote!(#(#values)*),
            _ => quote!((#(#values,)*)),
        };
        let (reaches, gives) = (&wired[i].input, signal(i + 1));
        let (call, result) = (apply(model, wired, i, training), variable(i + 1));
        let active = rules::active(model, layer, &model.value(i + 1));
        quote! {
            let x = <#reaches as ::kerata::signal::Signal>::put_tape::<#element, #device, KerataTape>(
                #values,
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
    let ahead = fusion::ahead(model, training);
    quote! {
        #ahead
        let (#first, tape) = #input::split_tape::<#element, #device, KerataTape>(x);
        #(#calls)*
        let y = <#out as ::kerata::signal::Signal>::put_tape::<#element, #device, KerataTape>(#last, tape);
    }
}

pub(super) fn variable(number: usize) -> Ident {
    quote::format_ident!("value{number}")
}

/// The value that a part is of, or the value itself.
pub(super) fn root(model: &Model, number: usize) -> usize {
    match number.checked_sub(model.part(0)) {
        Some(part) => root(model, model.parts[part].of),
        None => number,
    }
}

/// The values that the layers from one on take, in the order in which they take them, and then those of the outputs.
pub(super) fn uses(model: &Model, from: usize) -> impl Iterator<Item = usize> {
    let layers = model.layers[from..].iter().flat_map(|layer| &layer.from);
    let outputs = match model.outputs.as_slice() {
        [] => vec![model.layers.len()],
        outputs => outputs.iter().map(|(field, _)| field + 1).collect(),
    };
    layers.map(|&number| root(model, number)).chain(outputs)
}

/// The data of a value that nothing takes any more: its memory is free when the layer is done with it.
fn moved(model: &Model, number: usize) -> TokenStream {
    if number < model.part(0) {
        variable(number).into_token_stream()
    } else {
        shared(model, number)
    }
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
