//! The model step by step: what `Streamable` asks of it, made of what its layers have.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Expr, ExprLit, Lit, ext::IdentExt, spanned::Spanned};

use super::{Wired, calls::variable, outputs};
use crate::check::{Layer, Model};

pub(super) fn streamed(model: &Model, wired: &[Wired]) -> TokenStream {
    if !model.errors.is_empty() {
        return told(model);
    }
    let this = model.this();
    let (generics, _, clause) = model.item.generics.split_for_impl();
    let (input, element, device) = (model.value(0), &model.element, &model.device);
    let out = model.output();
    let asked: Vec<TokenStream> = wired
        .iter()
        .zip(&model.layers)
        .enumerate()
        .map(|(i, (Wired { input, .. }, layer))| {
            let (span, gives) = (layer.ty.span(), model.value(i + 1));
            quote_spanned! {span =>
                ::kerata::stream::StreamsAs<#input, #gives, #element, #device>
            }
        })
        .collect();
    let paths = wired.iter().zip(&asked);
    let layers: Vec<_> = paths.map(|(Wired { ty, .. }, asked)| quote!(<#ty as #asked>)).collect();
    let clause = bounds(model, wired, &asked, clause);
    let links = wired.iter().enumerate().map(|(i, Wired { ty, input, .. })| {
        let gives = model.value(i + 1);
        quote!(::kerata::stream::Link<#ty, #input, #gives>)
    });
    let links = pairs(links.collect(), &|a, b| quote!(::kerata::stream::Links<#a, #b>));
    let fields = (0..layers.len()).map(|i| {
        let name = &model.holder(i).name;
        quote!(&self.#name)
    });
    let fields = pairs(fields.collect(), &pair);
    let names = model.layers.iter().map(Layer::text);
    let names = pairs(names.map(|name| quote!(#name)).collect(), &pair);
    // By a name: that is looked up once.
    let (links, named_links) = match model.is_generic() {
        true => (links, None),
        false => {
            let name = format_ident!("Kerata{}Stream", model.item.ident.unraw());
            let named = quote! {
                #[doc(hidden)]
                #[allow(non_camel_case_types)]
                type #name = #links;
            };
            (quote!(#name), Some(named))
        }
    };
    let streams_on = quote!(::kerata::stream::StreamsOn<#element, #device>);
    let step = match model.is_chain() {
        true => quote!(<#links as #streams_on>::step(steppers, states, x)),
        false => step(model, &layers),
    };
    let streams = quote!(<#links as ::kerata::stream::Streams<#element, #device>>);
    // By way of what a layer that goes backwards has not: so the compiler says that once.
    let goings = wired.iter().zip(&model.layers).filter(|(_, layer)| goes_backwards(layer));
    let goings = goings.map(|(Wired { ty, .. }, layer)| {
        quote_spanned!(layer.ty.span() => <() as ::kerata::stream::GoesForward<#ty>>::Going)
    });
    let state = goings.fold(
        quote!(#streams::State),
        |state, going| quote!(<#going as ::kerata::stream::Known>::Of<#state>),
    );
    // Where the struct is named: so the message shows it, and the field, and not the attribute.
    let span = model.item.ident.span();
    let named = model.this_at(span);
    let stream_model = quote_spanned!(span => ::kerata::model::StreamModel<#element, #device>);
    let rows =
        [&input, &out].map(|signal| quote!(for<'kerata> #signal: ::kerata::signal::StepRows));
    quote! {
        #named_links

        impl #generics #stream_model for #named
        #clause #(#rows,)*
        {
        }

        impl #generics ::kerata::stream::Streamable<#input, #element, #device> for #this #clause {
            type State = #state;
            type Stepper = #streams::Stepper;

            fn begin(
                &self,
                rows: usize,
            ) -> ::core::result::Result<(Self::Stepper, Self::State), ::kerata::Error> {
                #streams::begin(#fields, #names, rows)
            }

            fn step<'kerata>(
                steppers: &'kerata mut Self::Stepper,
                states: &mut Self::State,
                x: <#input as ::kerata::signal::Signal>::StepData<'kerata, #element>,
            ) -> ::core::result::Result<
                <#out as ::kerata::signal::Signal>::StepData<'kerata, #element>,
                ::kerata::Error,
            > {
                #step
            }

            fn commit(states: &mut Self::State) {
                #streams::commit(states);
            }

            fn visit_state<KerataVisitor: ::kerata::stream::StateVisitor<#element>>(
                states: &mut Self::State,
                visitor: &mut KerataVisitor,
            ) -> ::core::result::Result<(), ::kerata::Error> {
                #streams::visit_state(states, #names, visitor)
            }
        }
    }
}

/// Of a model with errors: so that its stream is silent about them.
fn told(model: &Model) -> TokenStream {
    let this = model.this();
    let (generics, _, clause) = model.item.generics.split_for_impl();
    let (input, element, device) = (model.value(0), &model.element, &model.device);
    let out = model.output();
    quote! {
        impl #generics ::kerata::model::StreamModel<#element, #device> for #this #clause {}

        impl #generics ::kerata::stream::Streamable<#input, #element, #device> for #this #clause {
            type State = ();
            type Stepper = ();

            fn begin(&self, _: usize) -> ::core::result::Result<((), ()), ::kerata::Error> {
                ::core::unimplemented!()
            }

            fn step<'kerata>(
                _: &'kerata mut (),
                _: &mut (),
                _: <#input as ::kerata::signal::Signal>::StepData<'kerata, #element>,
            ) -> ::core::result::Result<
                <#out as ::kerata::signal::Signal>::StepData<'kerata, #element>,
                ::kerata::Error,
            > {
                ::core::unimplemented!()
            }

            fn commit(_: &mut ()) {}

            fn visit_state<KerataVisitor: ::kerata::stream::StateVisitor<#element>>(
                _: &mut (),
                _: &mut KerataVisitor,
            ) -> ::core::result::Result<(), ::kerata::Error> {
                ::core::unimplemented!()
            }
        }
    }
}

/// A step of layers that branch: one after the other, each with what it takes.
fn step(model: &Model, layers: &[TokenStream]) -> TokenStream {
    let (stepper, state) = (|i| format_ident!("stepper{i}"), |i| format_ident!("state{i}"));
    let all = |name: &dyn Fn(usize) -> Ident| {
        let names = (0..layers.len()).map(name).map(|name| quote!(#name));
        pairs(names.collect(), &pair)
    };
    let steps = model.layers.iter().zip(layers).enumerate().map(|(i, (layer, path))| {
        let reaches = layer.from.iter().map(|&from| step_of(model, from));
        let reaches = match layer.from.as_slice() {
            [_] => quote!(#(#reaches)*),
            _ => quote!((#(#reaches,)*)),
        };
        let (value, stepper, state) = (variable(i + 1), stepper(i), state(i));
        quote!(let #value = #path::step(#stepper, #state, #reaches)?;)
    });
    let (first, steppers, states) = (variable(0), all(&stepper), all(&state));
    let last = outputs::returned(model, |number| step_of(model, number));
    quote! {
        let (#steppers, #states, #first) = (steppers, states, x);
        #(#steps)*
        ::core::result::Result::Ok(#last)
    }
}

/// Pairs of pairs, so that the type of a deep model is not deep.
fn pairs(
    parts: Vec<TokenStream>,
    join: &dyn Fn(TokenStream, TokenStream) -> TokenStream,
) -> TokenStream {
    match parts.as_slice() {
        [one] => one.clone(),
        _ => {
            let (a, b) = parts.split_at(parts.len() / 2);
            join(pairs(a.to_vec(), join), pairs(b.to_vec(), join))
        }
    }
}

fn pair(a: TokenStream, b: TokenStream) -> TokenStream {
    quote!((#a, #b))
}

/// That all layers can go step by step: a model has this only where they do.
fn bounds(
    model: &Model,
    wired: &[Wired],
    asked: &[TokenStream],
    clause: Option<&syn::WhereClause>,
) -> TokenStream {
    let given = clause.map(|clause| &clause.predicates).into_iter().flatten();
    // With a lifetime in front, a bound on a type that is known may also be one that does not hold.
    let layers = wired.iter().zip(&model.layers).zip(asked);
    let bounds = layers.map(|((Wired { ty, .. }, layer), asked)| {
        let span = layer.ty.span();
        let forward = goes_backwards(layer)
            .then(|| quote_spanned!(span => for<'kerata> (): ::kerata::stream::Forward<#ty>,));
        quote_spanned! {span =>
            #forward
            for<'kerata> #ty: #asked
        }
    });
    quote!(where #(#given,)* #(#bounds,)*)
}

fn goes_backwards(layer: &Layer) -> bool {
    let is_true = |value: &Expr| matches!(value, Expr::Lit(ExprLit { lit: Lit::Bool(value), .. }) if value.value);
    layer.with.options.iter().any(|(key, value)| key == "go_backwards" && is_true(value))
}

/// A step of a value.
fn step_of(model: &Model, number: usize) -> TokenStream {
    let part = number.checked_sub(model.part(0)).map(|index| &model.parts[index]);
    match part {
        Some(part) => {
            let (pair, at) =
                (model.value(part.of), proc_macro2::Literal::usize_unsuffixed(part.at));
            let (checked, element) = (model.checked(number, "CHECK", part.span), &model.element);
            let step = step_of(model, part.of);
            quote!(<#checked as ::kerata::model::Part<#at, #pair>>::step::<#element>(#step))
        }
        None => {
            let value = variable(number);
            quote!(#value)
        }
    }
}
