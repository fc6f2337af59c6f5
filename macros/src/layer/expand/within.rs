//! The options of a layer that are those of the one within.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Type, parse_quote};

use crate::layer::check::{Field, Layer};

/// What `#[with(..)]` may set.
pub(super) fn settings(layer: &Layer, field: &Field, inner: &Type) -> TokenStream {
    let (this, member) = (layer.this(), &field.member);
    // `Inner<..>` lends its layer; one by hand is the field itself.
    let same = quote!(#inner).to_string() == field.ty.to_token_stream().to_string();
    let inside = if same { quote!(&mut self.#member) } else { quote!(self.#member.get_mut()) };
    let implements = |of: TokenStream| {
        let mut generics = layer.item.generics.clone();
        if !generics.params.is_empty() {
            generics.make_where_clause().predicates.push(parse_quote!(#inner: #of));
        }
        generics
    };
    let options = implements(quote!(::kerata::model::Options));
    let (parameters, _, clause) = options.split_for_impl();
    let options = quote! {
        #[diagnostic::do_not_recommend]
        impl #parameters ::kerata::model::Options for #this #clause {
            const LAYER: &'static str = <#inner as ::kerata::model::Options>::LAYER;
            const OPTIONS: &'static [(
                &'static str,
                [::core::option::Option<f64>; 2],
                &'static str,
            )] = <#inner as ::kerata::model::Options>::OPTIONS;
            const WEIGHTS: &'static [(&'static str, &'static str)] =
                <#inner as ::kerata::model::Options>::WEIGHTS;
            const SET_BY_ITSELF: &'static [(&'static str, &'static str)] =
                <#inner as ::kerata::model::Options>::SET_BY_ITSELF;
        }
    };
    if !layer.errors.is_empty() {
        return options;
    }
    let setting = quote!(::kerata::model::Setting<KERATA_AT>);
    let mut settings = implements(setting.clone());
    settings.params.push(parse_quote!(const KERATA_AT: usize));
    let (parameters, _, clause) = settings.split_for_impl();
    quote! {
        #options

        #[diagnostic::do_not_recommend]
        impl #parameters #setting for #this #clause {
            type Value = <#inner as #setting>::Value;

            fn set(&mut self, value: Self::Value) -> ::core::result::Result<(), ::kerata::Error> {
                <#inner as #setting>::set(#inside, value)
            }
        }
    }
}

/// The parameters of the layer within that are there or not as an option says.
pub(super) fn optional(layer: &Layer) -> Option<TokenStream> {
    let (_, inner) = layer.has_options_of()?;
    let (element, device, _) = layer.generics();
    let inner = quote!(<#inner as ::kerata::parameters::Parameters<#element, #device>>);
    Some(quote! {
        const OPTIONAL: &'static [::kerata::parameters::Optional] = #inner::OPTIONAL;
        const COPIES: usize = #inner::COPIES;
    })
}
