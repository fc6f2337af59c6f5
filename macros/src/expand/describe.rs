//! What a model says of itself: its summary, and its config.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::{
    Wired, optional, outputs,
    parameters::{counts, flags},
    rules,
};
use crate::check::Model;

pub(super) fn described(model: &Model, wired: &[Wired]) -> TokenStream {
    let this = model.this();
    let (generics, _, clause) = model.item.generics.split_for_impl();
    let (element, device) = (&model.element, &model.device);
    let (input, out, title) = (model.value(0), model.output(), model.item.ident.to_string());
    let rows = model.layers.iter().zip(wired).enumerate().map(|(i, (layer, wired))| {
        let (Wired { ty, input, .. }, gives) = (wired, model.value(i + 1));
        let call = &wired.through.layer;
        let name = layer.text();
        let from = layer.from.iter().map(|&from| written(model, from));
        if let Some([called, held]) = &wired.through.checks {
            let trains = optional(layer.again.is_none().then_some(!layer.with.frozen));
            let flags = flags(layer);
            return quote! {
                ::kerata::model::Row::behind::<#called, #held, #ty, #input, #element, #device>(
                    #name,
                    &[#(#from),*],
                    #trains,
                    &[#(#flags),*],
                )
            };
        }
        let (params, trainable) = counts(layer, &wired.through);
        quote! {
            ::kerata::model::Row::of::<#ty, #input, #gives>(
                #name,
                &[#(#from),*],
                #call::DROPS_MASK,
                #params,
                #trainable,
            )
        }
    });
    let output_names = outputs::names(model);
    quote! {
        #[diagnostic::do_not_recommend]
        impl #generics ::kerata::model::Model<#element, #device> for #this #clause {
            type Input = #input;
            type Output = #out;

            #output_names

            fn summary() -> ::kerata::model::Summary {
                ::kerata::model::Summary::new(#title, ::std::vec![#(#rows),*])
            }
        }
    }
}

/// A chain is a `Sequential` in Keras, other models are `Functional`, if all layers have a config there.
pub(super) fn configured(model: &Model, wired: &[Wired]) -> TokenStream {
    let class = if model.is_chain() { "Sequential" } else { "Functional" };
    let this = model.this();
    let (generics, _, clause) = model.item.generics.split_for_impl();
    let (input, element, device) = (model.value(0), &model.element, &model.device);
    let given = clause.map(|clause| &clause.predicates);
    let given = given.into_iter().flatten();
    // With a lifetime in front, a bound on a type that is known may also be one that does not hold.
    let clause = wired.iter().zip(&model.layers).map(|(Wired { ty, .. }, layer)| {
        quote_spanned!(layer.ty.span() => for<'kerata> #ty: ::kerata::config::HasConfig)
    });
    let clause = quote!(where #(#given,)* #(#clause,)*);
    let any_frozen = model.layers.iter().any(|layer| layer.with.frozen);
    let shows = model.layers.iter().zip(wired).enumerate().map(|(i, (layer, wired))| {
        let (shown, name) = (&wired.through.shown, &layer.name);
        let (span, text) = (layer.ty.span(), layer.text());
        let from = layer.from.iter().map(|&from| source(model, from));
        let from = (!model.is_chain()).then(|| quote!(visitor.from(&[#(#from),*]);));
        if layer.again.is_some() {
            let of = model.holder(i).text();
            return quote_spanned! {span =>
                #from
                #shown::show_again::<KerataVisitor>(#of, #text, visitor);
            };
        }
        let trains = !layer.with.frozen;
        let trains = any_frozen.then(|| quote!(visitor.trainable(#trains);));
        let rules = rules::told(layer);
        quote_spanned! {span =>
            #from
            #trains
            #rules
            #shown::show::<KerataVisitor>(#text, &mut self.#name, visitor);
        }
    });
    // What would reach one more layer is what the model gives.
    let outputs = model.outputs.iter().map(|(field, _)| model.layers[*field].text());
    let outputs = (!model.outputs.is_empty()).then(|| quote!(visitor.from(&[#(#outputs),*]);));
    quote! {
        impl #generics ::kerata::config::Layers<#input, #element, #device> for #this #clause {
            fn layers<KerataVisitor: ::kerata::config::LayerVisitor>(
                &mut self,
                visitor: &mut KerataVisitor,
            ) {
                #(#shows)*
                #outputs
            }
        }

        impl #generics ::kerata::config::Configured for #this #clause {
            const CLASS: &'static str = #class;
            type Element = #element;
            type Device = #device;

            fn describe(&mut self, fields: &mut ::kerata::config::Fields) {
                fields.layers::<#input, Self, #element, #device>(self);
            }

            fn accepts(class: &str) -> bool {
                ::kerata::model::accepts::<Self>(class)
            }
        }
    }
}

/// The name of a value, as it is written in the model.
fn written(model: &Model, number: usize) -> String {
    match number.checked_sub(model.part(0)) {
        Some(index) => {
            let part = &model.parts[index];
            format!("{}.{}", written(model, part.of), part.text)
        }
        None if number == 0 => "input".to_owned(),
        None => source(model, number),
    }
}

/// The name of a value, with the numbers of its parts. The input has none, since a layer may be called `input` in Keras.
fn source(model: &Model, number: usize) -> String {
    match (number, number.checked_sub(model.part(0))) {
        (0, _) => String::new(),
        (_, Some(index)) => {
            let part = &model.parts[index];
            format!("{}.{}", source(model, part.of), part.at)
        }
        (_, None) => model.layers[number - 1].text(),
    }
}
