//! The struct itself, with what each struct of layers has.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Fields, ext::IdentExt, parse_quote, parse_quote_spanned, spanned::Spanned};

use super::Wired;
use crate::{check::Model, derive::derives_one};

/// The struct itself, with the sizes filled in.
pub(super) fn item(model: &Model, wired: &[Wired]) -> TokenStream {
    let mut item = model.item.clone();
    for ((field, layer), wired) in item.fields.iter_mut().zip(&model.layers).zip(wired) {
        let span = layer.ty.span();
        field.ty = match layer.again {
            Some(_) => parse_quote_spanned!(span => ::kerata::Again),
            None => wired.ty.clone(),
        };
    }
    if let Fields::Named(fields) = &mut item.fields {
        // Documentation shows what was written.
        let named = std::mem::take(&mut fields.named).into_iter();
        let mut named: Vec<_> = named.zip(wired).collect();
        if !named.is_empty() {
            let last = named.remove(super::alias::last(model));
            named.push(last);
        }
        for (mut field, wired) in named {
            if let Some(ty) = &wired.named {
                let mut shown = field.clone();
                shown.ty = ty.clone();
                shown.attrs.push(parse_quote!(#[cfg(doc)]));
                field.attrs.push(parse_quote!(#[cfg(not(doc))]));
                fields.named.push(shown);
            }
            fields.named.push(field);
        }
    }
    let traits = [clone(model, wired), debug(model, wired)];
    let refused = model.refused.iter().map(|name| refused(model, name));
    quote!(#item #(#traits)* #(#refused)*)
}

/// A trait that cannot be derived, as the compiler has been told: what uses it is silent.
fn refused(model: &Model, name: &str) -> TokenStream {
    let this = model.this();
    let (generics, _, clause) = model.item.generics.split_for_impl();
    match name {
        "PartialEq" => quote! {
            impl #generics ::core::cmp::PartialEq for #this #clause {
                fn eq(&self, _: &Self) -> bool {
                    ::core::unimplemented!()
                }
            }
        },
        "Default" => quote! {
            impl #generics ::core::default::Default for #this #clause {
                fn default() -> Self {
                    ::core::unimplemented!()
                }
            }
        },
        _ => TokenStream::new(),
    }
}

/// `Clone`, if it is not derived: each field through its check, so that what is no layer is told once. With errors, a
/// field may be anything.
fn clone(model: &Model, wired: &[Wired]) -> Option<TokenStream> {
    if derives_one(&model.item.attrs, "Clone") {
        return None;
    }
    let this = model.this();
    let (generics, _, clause) = model.item.generics.split_for_impl();
    let fields = model.layers.iter().zip(wired).map(|(layer, wired)| {
        let (name, field) = (&layer.name, &wired.through.parameters);
        let span = layer.ty.span();
        match model.witness.is_some() && layer.again.is_none() {
            true => quote_spanned!(span => #name: #field::copy(&self.#name)),
            false => quote_spanned!(span => #name: ::core::clone::Clone::clone(&self.#name)),
        }
    });
    let body = match model.errors.is_empty() {
        true => quote!(Self { #(#fields,)* }),
        false => quote!(::core::unimplemented!()),
    };
    Some(quote! {
        impl #generics ::core::clone::Clone for #this #clause {
            fn clone(&self) -> Self {
                #body
            }
        }
    })
}

fn debug(model: &Model, wired: &[Wired]) -> Option<TokenStream> {
    if derives_one(&model.item.attrs, "Debug") {
        return None;
    }
    let (this, name) = (model.this(), model.item.ident.to_string());
    let mut generics = model.item.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(syn::parse_quote!(::core::fmt::Debug));
    }
    let (generics, _, clause) = generics.split_for_impl();
    let fields = model.layers.iter().zip(wired).enumerate().map(|(i, (layer, Wired { ty, .. }))| {
        let (span, name, text) = (layer.ty.span(), &layer.name, layer.name.unraw().to_string());
        if layer.again.is_some() {
            return quote_spanned!(span => .field(#text, &self.#name));
        }
        let checked = model.checked(i + 1, layer.last_check(), span);
        quote_spanned!(span => .field(#text, <#checked as ::kerata::model::Debugs<#ty>>::debug(&self.#name)))
    });
    let body = match model.errors.is_empty() {
        true => quote!(f.debug_struct(#name) #(#fields)* .finish()),
        false => quote!(::core::unimplemented!()),
    };
    Some(quote! {
        impl #generics ::core::fmt::Debug for #this #clause {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                #body
            }
        }
    })
}
