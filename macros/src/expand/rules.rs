//! Regularizers and constraints, which `#[with(..)]` says of the weights of a layer.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Expr, Type, ext::IdentExt, spanned::Spanned};

use super::Wired;
use crate::check::{Layer, Model};

/// What one key has. The names of those of the crate need no import.
fn value(value: &Expr) -> TokenStream {
    quote_spanned! {value.span() =>
        {
            #[allow(unused_imports)]
            use ::kerata::regularizers::*;
            #value
        }
    }
}

/// Whether a key is that of a regularizer, and not of a constraint.
fn regularizes(key: &Ident) -> bool {
    key.unraw().to_string().ends_with("_regularizer")
}

/// The key of what leaves a layer, which is no rule of a weight.
const ACTIVITY: &str = "activity_regularizer";

/// The rules of the weights of a layer.
fn of_weights(layer: &Layer) -> impl Iterator<Item = &(Ident, Expr)> {
    layer.with.rules.iter().filter(|(key, _)| key != ACTIVITY)
}

/// Whether a regularizer looks at what leaves a layer.
pub(super) fn is_active(layer: &Layer) -> bool {
    layer.with.rules.iter().any(|(key, _)| key == ACTIVITY)
}

/// Adds what the regularizer of its activity says of what leaves a layer, `x`, to the loss.
pub(super) fn active(model: &Model, layer: &Layer, gives: &TokenStream) -> TokenStream {
    let (element, device) = (&model.element, &model.device);
    let rule = layer.with.rules.iter().find(|(key, _)| key == ACTIVITY);
    let rule = rule.map(|(_, rule)| {
        let value = value(rule);
        quote_spanned! {rule.span() =>
            ::kerata::model::active::<#gives, #element, #device, KerataTape>(&x, &#value)?;
        }
    });
    rule.unwrap_or_default()
}

/// The rules of a layer, one for each key: what they are made of, and themselves.
fn rules(layer: &Layer, ty: &Type) -> (TokenStream, TokenStream) {
    let name = |i: usize| format_ident!("rule{i}");
    let values = of_weights(layer).enumerate().map(|(i, (_, rule))| {
        let (name, value) = (name(i), value(rule));
        quote!(let #name = #value;)
    });
    let rules = of_weights(layer).enumerate().map(|(i, (key, rule))| {
        let (name, text) = (name(i), key.unraw().to_string());
        // A key without a weight has failed where the model is declared.
        let weight = quote_spanned!(key.span() => ::kerata::model::weight_of::<#ty>(#text));
        let own = quote_spanned!(rule.span() => ::core::option::Option::Some(&#name));
        let none = quote!(::core::option::Option::None);
        let (regularizer, constraint) = if regularizes(key) { (own, none) } else { (none, own) };
        quote! {
            ::kerata::regularizers::Rule {
                weight: #weight,
                regularizer: #regularizer,
                constraint: #constraint,
            }
        }
    });
    (quote!(#(#values)*), quote!(&[#(#rules),*]))
}

/// Looks for the weight of each key where the model is declared.
pub(super) fn checks(model: &Model, wired: &[Wired]) -> TokenStream {
    if !model.errors.is_empty() {
        return TokenStream::new();
    }
    let checks = model.held(wired).flat_map(|(layer, Wired { ty, .. })| {
        of_weights(layer).map(move |(key, _)| {
            let text = key.unraw().to_string();
            quote_spanned! {key.span() =>
                const _: &str = ::kerata::model::weight_of::<#ty>(#text);
            }
        })
    });
    checks.collect()
}

/// Shows the parameters of a layer with their rules.
pub(super) fn visit(
    layer: &Layer,
    ty: &Type,
    parameters: &TokenStream,
    (name, text): (&Ident, &str),
) -> TokenStream {
    let (span, (values, rules)) = (layer.ty.span(), rules(layer, ty));
    let frozen = if layer.with.frozen {
        quote!(let visitor = &mut ::kerata::parameters::Frozen(&mut *visitor);)
    } else {
        TokenStream::new()
    };
    quote_spanned! {span =>
        {
            #values
            #frozen
            let mut ruled = ::kerata::parameters::Ruled { visitor: &mut *visitor, rules: #rules };
            #parameters::visit_layer(&mut self.#name, #text, &mut ruled)?;
        }
    }
}

/// Tells a visitor of layers the rules of the one that comes next, as Keras's keys.
pub(super) fn told(layer: &Layer) -> TokenStream {
    if layer.with.rules.is_empty() {
        return TokenStream::new();
    }
    let rules = layer.with.rules.iter().map(|(key, rule)| {
        let (text, value) = (key.unraw().to_string(), value(rule));
        let kind = if regularizes(key) { quote!(Regularizer) } else { quote!(Constraint) };
        quote!((#text, ::kerata::regularizers::#kind::config(&#value)))
    });
    quote!(visitor.rules(&[#(#rules),*]);)
}
