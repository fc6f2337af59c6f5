//! Where the compiler looks at the wiring: one `LayerNumber` a value, and the declared output.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Type, spanned::Spanned};

use super::{
    Wired,
    alias::{has_wires_beside, is_alias},
};
use crate::check::Model;

/// The names of all signals and of the checks of what gives them.
pub(super) fn named(model: &Model) -> TokenStream {
    let values = 0..model.part(model.parts.len());
    let signals = values.filter(|_| !model.is_generic()).map(|number| {
        let name = model.name_at("Signal", number, Span::call_site());
        let signal = model.signal_at(number, Span::call_site());
        quote! {
            #[doc(hidden)]
            #[allow(dead_code, non_camel_case_types)]
            type #name = #signal;
        }
    });
    let (signals, checks) = (signals.collect::<TokenStream>(), checks(model));
    quote!(#signals #checks)
}

fn checks(model: &Model) -> TokenStream {
    let Some(arguments) = model.witness.as_ref().filter(|_| model.errors.is_empty()) else {
        return TokenStream::new();
    };
    let input = (0, model.input_span, &["CHECK"][..]);
    let layers = model.layers.iter().enumerate();
    let layers = layers.map(|(i, layer)| (i + 1, layer.ty.span(), &["CHECK", "FIELD"][..]));
    let parts = model.parts.iter().enumerate();
    let parts = parts.map(|(i, part)| (model.part(i), part.span, &["CHECK"][..]));
    let this = match has_wires_beside(model) {
        true => model.wires_at(Span::call_site()),
        false => model.named(Span::call_site()).into_token_stream(),
    };
    let named = std::iter::once(input).chain(layers).chain(parts).flat_map(|(number, span, of)| {
        let this = &this;
        of.iter().map(move |check| {
            let name = model.name_at(check, number, Span::call_site());
            let (check, number) = (Ident::new(check, span), Literal::usize_unsuffixed(number));
            let checked = quote_spanned! {span =>
                ::kerata::model::Checked<{ <#this #arguments as ::kerata::model::LayerNumber<#number>>::#check }>
            };
            quote! {
                #[doc(hidden)]
                #[allow(dead_code, non_camel_case_types)]
                type #name = #checked;
            }
        })
    });
    named.collect()
}

/// The size in place of `_` in a layer of the user's own: whether anything is said of it comes first.
pub(super) fn size_of_own(layer: &Type, input: &TokenStream, span: Span) -> TokenStream {
    quote_spanned! {span =>
        <#layer as ::kerata::model::Inferred<
            <::kerata::model::Checked<{
                let _ = || {
                    #[allow(unused_imports)]
                    use ::kerata::model::{Infers as _, InfersNothing as _, InfersOther as _};
                    (&&&::kerata::model::Asked::<#layer, #input>::NEW).infers()
                };
                0
            }> as ::kerata::model::Behind<#input>>::Signal
        >>::SIZE
    }
}

/// One `LayerNumber` a value: its signal, and the checks of what gives it.
pub(super) fn wires(model: &Model, wired: &[Wired]) -> TokenStream {
    let (element, device) = (&model.element, &model.device);
    let layers = model.layers.iter().zip(wired).enumerate().map(|(i, (layer, wired))| {
        let (Wired { written: ty, taken: input, .. }, through) = (wired, &wired.through.layer);
        let span = layer.ty.span();
        let behind = |check| model.checked(i + 1, check, span);
        // What is no layer is told as that, and not what it does not take. A layer of the crate is one, and it says what it is
        // not made of.
        let (first, reaches) = match layer.is_ours() {
            true => (behind("CHECK"), input.clone()),
            false => {
                let field = behind("FIELD");
                let behind =
                    |of| quote_spanned!(span => <#field as ::kerata::model::Behind<#of>>::Signal);
                let taken = behind(input);
                let reaches = match model.is_generic() {
                    true => taken,
                    false => {
                        let any = any_impl(model, &behind(&ty.to_token_stream()), &taken, span);
                        quote_spanned!(span => <#any as ::kerata::model::Behind<#taken>>::Signal)
                    }
                };
                (quote_spanned!(span => ::kerata::model::Checked<0>), reaches)
            }
        };
        // At an instance that stands for all, the sizes are not those of any model.
        let sizes = (!model.is_generic()).then(|| {
            quote_spanned! {span =>
                let () = <#ty as ::kerata::Layer<#reaches, #element, #device>>::CHECK;
            }
        });
        // In a struct each layer has its own line. A file has none: there the function says which one it is.
        let name = &layer.name;
        let tell = |fault: TokenStream| match model.is_generic() {
            true => quote_spanned!(span => let _ = #fault;),
            false => quote_spanned!(span => #fault.tell();),
        };
        let taken = match model.of_file {
            false => tell(quote_spanned! {span =>
                <#ty as ::kerata::model::Takes<#reaches, #element, #device>>::FAULT
            }),
            true => {
                let tell = tell(quote_spanned!(span => #name::<#ty>()));
                quote_spanned! {span =>
                    const fn #name<L: ::kerata::model::Takes<#reaches, #element, #device>>()
                    -> ::kerata::shape::Fault {
                        L::FAULT
                    }
                    #tell
                }
            }
        };
        let built = quote_spanned!(span => <#first as ::kerata::model::Built<#ty, #element, #device>>::CHECK);
        // What cannot be built is told as that alone, where a constant may stand in a type.
        let (built, first) = match model.is_generic() {
            true => (quote_spanned!(span => let _ = #built;), first),
            false => (
                TokenStream::new(),
                quote_spanned!(span => ::kerata::model::Checked<{ #built }>),
            ),
        };
        let visited = Ident::new(if layer.is_ours() { "CHECK" } else { "OWN" }, span);
        let checks = quote_spanned! {span =>
            const FIELD: usize = {
                #built
                <#first as ::kerata::model::Visited<#ty, #element, #device>>::#visited
            };
            const CHECK: usize = {
                // The first is what the compiler tells.
                #taken
                #sizes
                0
            };
        };
        let names = is_alias(model, layer).then(|| names(model, i + 1, ty));
        let out = quote!(#through::Out);
        if !is_cut(model, i + 1) {
            let wire = wire_impl(model, i + 1, &out, &checks);
            return quote!(#names #wire);
        }
        let (given, signal) = cut(model, i + 1, &out);
        let wire = wire_impl(model, i + 1, &signal, &checks);
        quote!(#names #given #wire)
    });
    let parts = model.parts.iter().enumerate().map(|(i, part)| {
        let number = model.part(i);
        let (pair, at) = (model.value_at(part.of, part.span), Literal::usize_unsuffixed(part.at));
        let checked = model.checked(number, "CHECK", part.span);
        let signal = quote!(<#checked as ::kerata::model::Part<#at, #pair>>::Signal);
        let check = quote_spanned! {part.span =>
            const CHECK: usize = {
                let () = <#pair as ::kerata::signal::PartAt<#at>>::CHECK;
                0
            };
        };
        wire_impl(model, number, &signal, &check)
    });
    std::iter::once(input_wire(model)).chain(layers).chain(parts).collect()
}

/// The check that there is any `impl Layer` for one of the user's own: else the compiler would list other layers.
fn any_impl(model: &Model, layer: &TokenStream, input: &TokenStream, span: Span) -> TokenStream {
    let (element, device) = (&model.element, &model.device);
    quote_spanned! {span =>
        ::kerata::model::Checked<{
            let _ = || {
                #[allow(unused_imports)]
                use ::kerata::model::{Computes as _, ComputesNothing as _, ComputesOther as _};
                (&&&::kerata::model::Asked::<#layer, #input, #element, #device>::NEW).computes()
            };
            0
        }>
    }
}

/// The type of a field, for what comes behind the check.
fn names(model: &Model, number: usize, ty: &Type) -> TokenStream {
    let (span, number) = (ty.span(), Literal::usize_unsuffixed(number));
    let this = model.wires_at(span);
    quote_spanned! {span =>
        #[doc(hidden)]
        impl ::kerata::model::Names<#number> for #this {
            type Layer = #ty;
        }
    }
}

/// How many layers go on from one another's types; see `src/model/cut.rs`.
const BETWEEN_CUTS: usize = 8;

/// A constant cannot depend on generic parameters, so there is no cut where there are such.
fn is_cut(model: &Model, number: usize) -> bool {
    let deep = model.layers.len() > 2 * BETWEEN_CUTS;
    deep && number.is_multiple_of(BETWEEN_CUTS) && !model.is_generic() && model.errors.is_empty()
}

/// A value at which the chain is cut: what gives it, and its signal.
fn cut(model: &Model, number: usize, out: &TokenStream) -> (TokenStream, TokenStream) {
    let (this, number) = (model.wires_at(model.this_span()), Literal::usize_unsuffixed(number));
    let code = quote!(<#this as ::kerata::model::Given<#number>>::CODE);
    let given = quote! {
        #[doc(hidden)]
        impl ::kerata::model::Given<#number> for #this {
            type Signal = #out;
            const CODE: ::kerata::model::Code = {
                #[allow(unused_imports)]
                use ::kerata::model::NotCoded as _;
                ::kerata::model::Coding::<<Self as ::kerata::model::Given<#number>>::Signal>::CODE
            };
        }
    };
    let shape = dims(&code);
    let signal = quote! {
        <::kerata::model::Cut<{ #code.kind }, #shape, #this, #number> as ::kerata::model::Continues>::Signal
    };
    (given, signal)
}

/// The shape of a code.
pub(super) fn dims(code: &TokenStream) -> TokenStream {
    let dims = (0..6usize).map(|i| {
        let i = Literal::usize_unsuffixed(i);
        quote!(::kerata::model::Dimension<{ #code.dims[#i].0 }, { #code.dims[#i].1 }>)
    });
    quote! {
        <::kerata::model::Dimensions<{ #code.rank }, (#(#dims,)*)> as ::kerata::model::Decoded>::Of
    }
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
    let (this, number) = (model.wires_at(model.this_span()), Literal::usize_unsuffixed(number));
    let (generics, _, clause) = model.item.generics.split_for_impl();
    let checks = (model.witness.is_some() && model.errors.is_empty()).then_some(checks);
    quote! {
        #[doc(hidden)]
        impl #generics ::kerata::model::LayerNumber<#number> for #this #clause {
            type Signal = #signal;
            #checks
        }
    }
}

pub(super) fn output_check(model: &Model) -> TokenStream {
    let Some((span, output)) = &model.output else { return TokenStream::new() };
    let last = match model.outputs.as_slice() {
        [] => model.value_at(model.layers.len(), *span),
        _ => model.output(),
    };
    if !model.is_generic() {
        // Of what has a mask and what has none, nothing more is told.
        let masked = |signal: &TokenStream| quote_spanned!(*span => { <#signal as ::kerata::signal::Signal>::MASKED });
        let (given, declared) = (masked(&last), masked(output));
        let masks = quote_spanned! {*span =>
            <::kerata::model::Masks<#given, #declared> as ::kerata::model::MaskOfBoth<#last, #output>>::CHECK
        };
        let last = quote_spanned! {*span =>
            <::kerata::model::Checked<{ #masks }> as ::kerata::model::Behind<#last>>::Signal
        };
        return quote_spanned! {*span =>
            const _: () = <#last as ::kerata::model::Gives<#output>>::CHECK;
        };
    }
    let check = quote_spanned!(*span => <#last as ::kerata::model::Gives<#output>>::CHECK);
    // In an impl, as nothing else has the parameters.
    let (this, number) = (model.this(), Literal::usize_unsuffixed(model.part(model.parts.len())));
    let (generics, _, clause) = model.item.generics.split_for_impl();
    quote! {
        #[doc(hidden)]
        impl #generics ::kerata::model::LayerNumber<#number> for #this #clause {
            type Signal = ();
            const CHECK: usize = {
                let () = #check;
                0
            };
        }
    }
}
