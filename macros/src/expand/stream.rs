//! The model step by step: what `Streamable` asks of it, made of what its layers have.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Expr, ExprLit, Lit, spanned::Spanned};

use super::{Wired, calls::variable, outputs};
use crate::check::{Layer, Model};

pub(super) fn streamed(model: &Model, wired: &[Wired]) -> TokenStream {
    if !model.errors.is_empty() {
        return TokenStream::new();
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
    let parts: Vec<[Ident; 2]> = (0..layers.len())
        .map(|i| [format_ident!("stepper{i}"), format_ident!("state{i}")])
        .collect();
    // A layer that goes backwards has a part in the state, which there is none of: so the compiler says that once.
    let backwards: Vec<(Ident, TokenStream)> = wired
        .iter()
        .zip(&model.layers)
        .filter(|(_, layer)| goes_backwards(layer))
        .enumerate()
        .map(|(i, (Wired { ty, .. }, layer))| {
            let going = quote_spanned! {layer.ty.span()=>
                <() as ::kerata::stream::GoesForward<#ty>>
            };
            (format_ident!("going{i}"), going)
        })
        .collect();
    let (going, goings): (Vec<_>, Vec<_>) = backwards.iter().map(|(name, ty)| (name, ty)).unzip();
    let of = |i: usize| parts.iter().map(move |part| &part[i]).map(|name| quote!(#name));
    let steppers = tree(of(0).collect());
    let states = tree(of(1).chain(going.iter().map(|name| quote!(#name))).collect());
    let stepper_types = tree(layers.iter().map(|layer| quote!(#layer::Stepper)).collect());
    let state_types = layers.iter().map(|layer| quote!(#layer::State));
    let state_types =
        tree(state_types.chain(goings.iter().map(|going| quote!(#going::Going))).collect());
    let state_types = quote!(<#state_types as ::kerata::stream::OfLayers>::Of<#state_types>);

    let with_parts = || model.layers.iter().zip(&layers).zip(&parts);
    let begins = with_parts().enumerate().map(|(i, ((_, path), [stepper, state]))| {
        let name = &model.holder(i).name;
        quote!(let (#stepper, #state) = #path::begin(&self.#name, rows)?;)
    });
    let steps = with_parts().enumerate().map(|(i, ((layer, path), [stepper, state]))| {
        let reaches = layer.from.iter().map(|&from| step_of(model, from));
        let reaches = match layer.from.as_slice() {
            [_] => quote!(#(#reaches)*),
            _ => quote!((#(#reaches,)*)),
        };
        let value = variable(i + 1);
        quote!(let #value = #path::step(#stepper, #state, #reaches)?;)
    });
    let commits = with_parts().map(|((_, path), [_, state])| quote!(#path::commit(#state);));
    let visits = with_parts().map(|((layer, path), [_, state])| {
        let text = layer.text();
        quote! {
            visitor.enter(#text);
            #path::visit_state(#state, visitor)?;
            visitor.leave();
        }
    });
    let first = variable(0);
    let last = outputs::returned(model, |number| step_of(model, number));
    // Where the struct is named: so the message shows it, and the field, and not the attribute.
    let span = model.item.ident.span();
    let named = model.this_at(span);
    let stream_model = quote_spanned!(span => ::kerata::model::StreamModel<#element, #device>);
    let rows =
        [&input, &out].map(|signal| quote!(for<'kerata> #signal: ::kerata::signal::StepRows));
    quote! {
        impl #generics #stream_model for #named
        #clause #(#rows,)*
        {
        }

        impl #generics ::kerata::stream::Streamable<#input, #element, #device> for #this #clause {
            type State = #state_types;
            type Stepper = #stepper_types;

            fn begin(
                &self,
                rows: usize,
            ) -> ::core::result::Result<(#stepper_types, #state_types), ::kerata::Error> {
                #(#begins)*
                #(let #going = #goings::going();)*
                ::core::result::Result::Ok((#steppers, #states))
            }

            fn step<'kerata>(
                #steppers: &'kerata mut #stepper_types,
                #states: &mut #state_types,
                #first: <#input as ::kerata::signal::Signal>::StepData<'kerata, #element>,
            ) -> ::core::result::Result<
                <#out as ::kerata::signal::Signal>::StepData<'kerata, #element>,
                ::kerata::Error,
            > {
                #(let _ = #going;)*
                #(#steps)*
                ::core::result::Result::Ok(#last)
            }

            fn commit(#states: &mut #state_types) {
                #(let _ = #going;)*
                #(#commits)*
            }

            fn visit_state<KerataVisitor: ::kerata::stream::StateVisitor<#element>>(
                #states: &mut #state_types,
                visitor: &mut KerataVisitor,
            ) -> ::core::result::Result<(), ::kerata::Error> {
                #(let _ = #going;)*
                #(#visits)*
                ::core::result::Result::Ok(())
            }
        }
    }
}

/// A tuple of tuples, so that the type of a deep model is neither long nor deep.
fn tree(parts: Vec<TokenStream>) -> TokenStream {
    if parts.len() <= 8 {
        return quote!((#(#parts,)*));
    }
    let groups = parts.chunks(8).map(|group| tree(group.to_vec()));
    tree(groups.collect())
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
