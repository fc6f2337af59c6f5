//! Where the compiler looks at the wiring: one `Wire` a value, and the declared output.

use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::Wired;
use crate::check::Model;

/// One `Wire` a value: its signal, and the checks of what gives it.
pub(super) fn wires(model: &Model, wired: &[Wired]) -> TokenStream {
    let (element, device) = (&model.element, &model.device);
    let layers = model.layers.iter().zip(wired).enumerate().map(|(i, (layer, wired))| {
        let (Wired { ty, input, .. }, through) = (wired, &wired.through.layer);
        let checked = model.checked(i + 1, "CHECK", layer.ty.span());
        // In a struct each layer has its own line. A file has none: there the function says which one it is.
        let name = &layer.name;
        let taken = match model.of_file {
            false => quote_spanned! {layer.ty.span() =>
                let () = <#ty as ::kerata::model::Takes<#input, #element, #device>>::TAKEN;
            },
            true => quote_spanned! {layer.ty.span() =>
                const fn #name<L: ::kerata::model::Takes<#input, #element, #device>>() {}
                #name::<#ty>();
            },
        };
        let checks = quote_spanned! {layer.ty.span() =>
            const CHECK: usize = {
                // The first is what the compiler tells.
                #taken
                let () = <#ty as ::kerata::Layer<#input, #element, #device>>::CHECK;
                0
            };
            const FIELD: usize =
                <#checked as ::kerata::model::Built<#ty, #element, #device>>::CHECK
                    + <#checked as ::kerata::model::Visited<#ty, #element, #device>>::CHECK;
        };
        wire_impl(model, i + 1, &quote!(#through::Out), &checks)
    });
    let parts = model.parts.iter().enumerate().map(|(i, part)| {
        let number = model.part(i);
        let (pair, at) = (model.value_at(part.of, part.span), Literal::usize_unsuffixed(part.at));
        let checked = model.checked(number, "CHECK", part.span);
        let signal = quote!(<#checked as ::kerata::model::Part<#at, #pair>>::Signal);
        let check = quote_spanned! {part.span =>
            const CHECK: usize = {
                let () = <#pair as ::kerata::signal::TwoSignals>::CHECK;
                0
            };
        };
        wire_impl(model, number, &signal, &check)
    });
    std::iter::once(input_wire(model)).chain(layers).chain(parts).collect()
}

/// The input. What is wrong with the struct is told here: the signal is then an error, and so is silently
/// whatever is made of it.
fn input_wire(model: &Model) -> TokenStream {
    let (input, span, errors) = (&model.input, model.input_span, model.errors.tokens());
    let check = quote_spanned! {span =>
        const CHECK: usize = {
            let _ = <#input as ::kerata::signal::Signal>::MASKED;
            0
        };
    };
    let checked = if model.errors.is_empty() {
        model.checked(0, "CHECK", span)
    } else {
        quote!(::kerata::model::Checked<{ #errors 0 }>)
    };
    let signal = quote_spanned!(span => <#checked as ::kerata::model::Carries<#input>>::Signal);
    wire_impl(model, 0, &signal, &check)
}

fn wire_impl(
    model: &Model,
    number: usize,
    signal: &TokenStream,
    checks: &TokenStream,
) -> TokenStream {
    let (this, number) = (model.this(), Literal::usize_unsuffixed(number));
    let (generics, _, clause) = model.item.generics.split_for_impl();
    let checks = (!model.is_generic() && model.errors.is_empty()).then_some(checks);
    quote! {
        #[doc(hidden)]
        impl #generics ::kerata::model::Wire<#number> for #this #clause {
            type Signal = #signal;
            #checks
        }
    }
}

pub(super) fn output_check(model: &Model) -> TokenStream {
    let Some((span, output)) = &model.output else { return TokenStream::new() };
    let (generics, _, clause) = model.item.generics.split_for_impl();
    if !model.is_generic() {
        let last = match model.outputs.as_slice() {
            [] => model.value_at(model.layers.len(), *span),
            _ => model.output(),
        };
        let check = quote_spanned!(*span => <#last as ::kerata::model::Gives<#output>>::CHECK);
        return quote!(const _: () = #check;);
    }
    // At the attribute, where the compiler tells a wrong layer as well: once in both.
    let last = model.output();
    let (this, number) = (model.this(), Literal::usize_unsuffixed(model.part(model.parts.len())));
    let signal = quote!(<#last as ::kerata::model::Gives<#output>>::Output);
    quote! {
        #[doc(hidden)]
        impl #generics ::kerata::model::Wire<#number> for #this #clause {
            type Signal = #signal;
        }
    }
}
