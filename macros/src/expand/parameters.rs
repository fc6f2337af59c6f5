//! Building a model, and visiting its parameters.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Expr, ExprLit, Lit, Type, ext::IdentExt, spanned::Spanned};

use super::{Through, Wired, optional, rules};
use crate::{
    check::{Layer, Model},
    literal,
};

/// A layer that has been built, with the options of `#[with(..)]`. Which one of its options each is, and whether a
/// literal is in its range, is evaluated at compile time.
fn with_options(layer: &Layer, ty: &Type, built: TokenStream) -> TokenStream {
    if layer.with.options.is_empty() {
        return built;
    }
    let sets = layer.with.options.iter().map(|(key, value)| {
        let (span, name) = (key.span(), key.unraw().to_string());
        let text = quote!(#value).to_string().replace(' ', "");
        let number = optional(literal::number(value));
        let given = match is_plain(value) {
            true => quote_spanned!(value.span() => ::kerata::model::ValueOf::value(#value)),
            false => quote!(#value),
        };
        quote_spanned! {span =>
            <#ty as ::kerata::model::Setting<
                { ::kerata::model::option_of::<#ty>(#name, #number, #text) },
            >>::set(&mut layer, #given)?;
        }
    });
    quote!({
        let mut layer = #built;
        #(#sets)*
        layer
    })
}

/// Whether a value is a literal, or is calculated of some.
fn is_plain(value: &Expr) -> bool {
    match value {
        Expr::Lit(_) => true,
        Expr::Unary(of) => is_plain(&of.expr),
        Expr::Paren(of) => is_plain(&of.expr),
        Expr::Binary(of) => is_plain(&of.left) && is_plain(&of.right),
        _ => false,
    }
}

/// The options that are `true` or `false`, as `(name, value)`.
pub(super) fn flags(layer: &Layer) -> Vec<TokenStream> {
    let flags = layer.with.options.iter().filter_map(|(key, value)| match value {
        Expr::Lit(ExprLit { lit: Lit::Bool(flag), .. }) => {
            let key = key.unraw().to_string();
            Some(quote!((#key, #flag)))
        }
        _ => None,
    });
    flags.collect()
}

/// How many parameters a layer has, and how many of them are trained, with its options.
pub(super) fn counts(
    layer: &Layer,
    Through { parameters, .. }: &Through,
) -> (TokenStream, TokenStream) {
    if layer.again.is_some() {
        return (quote!(0), quote!(0));
    }
    let flags = flags(layer);
    let counted = |count: TokenStream, trainable: bool| {
        if flags.is_empty() {
            return count;
        }
        quote! {
            ::kerata::parameters::counted(
                #count,
                (#parameters::OPTIONAL, #parameters::COPIES),
                #trainable,
                &[#(#flags),*],
            )
        }
    };
    let trainable = match layer.with.frozen {
        true => quote!(0),
        false => counted(quote!(#parameters::TRAINABLE), true),
    };
    (counted(quote!(#parameters::PARAMS), false), trainable)
}

pub(super) fn parameters(model: &Model, wired: &[Wired]) -> TokenStream {
    let this = model.this();
    let (generics, _, clause) = model.item.generics.split_for_impl();
    let (element, device) = (&model.element, &model.device);
    let fields = model.layers.iter().zip(wired.iter().map(|wired| &wired.through));
    let builds = wired.iter().zip(&model.layers).map(|(wired, layer)| {
        let (name, span, build) = (&layer.name, layer.ty.span(), &wired.through.build);
        if layer.again.is_some() {
            return quote_spanned!(span => #name: ::kerata::Again);
        }
        let built = quote_spanned!(span => #build::build(dev)?);
        let built = with_options(layer, &wired.ty, built);
        quote_spanned!(span => #name: #built)
    });
    let counts = fields.map(|(layer, through)| counts(layer, through));
    let (counts, trainable): (Vec<_>, Vec<_>) = counts.unzip();
    let visits = model.held(wired).map(|(layer, wired)| {
        let (Through { parameters, .. }, ty) = (&wired.through, &wired.ty);
        let (name, span, text) = (&layer.name, layer.ty.span(), layer.text());
        if !layer.with.rules.is_empty() {
            rules::visit(layer, ty, parameters, (name, &text))
        } else if layer.with.frozen {
            quote_spanned! {span =>
                let mut frozen = ::kerata::parameters::Frozen(&mut *visitor);
                #parameters::visit_layer(&mut self.#name, #text, &mut frozen)?;
            }
        } else {
            quote_spanned! {span =>
                #parameters::visit_layer(&mut self.#name, #text, visitor)?;
            }
        }
    });
    quote! {
        impl #generics ::kerata::parameters::Build<#element, #device> for #this #clause {
            fn build(dev: &#device) -> ::core::result::Result<Self, ::kerata::Error> {
                ::core::result::Result::Ok(Self { #(#builds,)* })
            }
        }

        impl #generics ::kerata::parameters::Parameters<#element, #device> for #this #clause {
            const PARAMS: usize = 0 #(+ #counts)*;
            const TRAINABLE: usize = 0 #(+ #trainable)*;
            const SHOWS_TABLES: bool = true;
            const HOLDS: bool = true;

            fn visit(
                &mut self,
                visitor: &mut dyn ::kerata::parameters::Visitor<#element, #device>,
            ) -> ::core::result::Result<(), ::kerata::Error> {
                #(#visits)*
                ::core::result::Result::Ok(())
            }
        }
    }
}
