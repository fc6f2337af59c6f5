//! What a layer turns into: its struct, and how it is built, visited, configured and inferred.

mod config;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{BinOp, Expr, ExprLit, Generics, Lit, Type, parse_quote, spanned::Spanned};

use super::check::{Field, Kind, Layer, Weight};
use crate::{derive::missing_derives, initializer};

pub(crate) fn expand(layer: &Layer) -> TokenStream {
    let (errors, item) = (layer.errors.tokens(), &layer.item);
    let derives = missing_derives(&item.attrs);
    let parts = [
        build(layer),
        parameters(layer),
        config::options(layer),
        config::settings(layer),
        config::configured(layer),
        infer(layer),
    ];
    quote! {
        #errors
        #[derive(#(#derives),*)]
        #item
        #(#parts)*
    }
}

impl Layer {
    /// The element and the device, and the generic parameters of what is implemented for them.
    fn generics(&self) -> (Type, Type, Generics) {
        let mut generics = self.item.generics.clone();
        let (element, device) = self.types.clone().unwrap_or_else(|| {
            generics.params.push(parse_quote!(KerataElement: ::kerata::Element));
            generics.params.push(parse_quote!(KerataDevice: ::kerata::Backend<KerataElement>));
            (parse_quote!(KerataElement), parse_quote!(KerataDevice))
        });
        (element, device, generics)
    }

    /// `impl Trait<E, D> for ..`, where the layers within implement the trait.
    fn implements(&self, path: &TokenStream) -> TokenStream {
        let (element, device, mut generics) = self.generics();
        let (this, of) = (self.this(), quote!(#path<#element, #device>));
        if !self.item.generics.params.is_empty() {
            let bounds = self.inner().map(|(_, layer)| -> syn::WherePredicate {
                syn::parse_quote_spanned!(layer.span() => #layer: #of)
            });
            generics.make_where_clause().predicates.extend(bounds);
        }
        let (parameters, _, clause) = generics.split_for_impl();
        quote!(impl #parameters #of for #this #clause)
    }

    fn this(&self) -> TokenStream {
        let name = &self.item.ident;
        let (_, generics, _) = self.item.generics.split_for_impl();
        quote!(#name #generics)
    }

    /// The name that messages have for the layer.
    fn title(&self) -> String {
        match &self.arguments.class {
            Some(Expr::Lit(ExprLit { lit: Lit::Str(class), .. })) => class.value(),
            _ => self.item.ident.to_string(),
        }
    }
}

/// The factors of a size, so that a product that is too large is an error and not another number.
fn factors(size: &Expr) -> Vec<&Expr> {
    match size {
        Expr::Binary(product) if matches!(product.op, BinOp::Mul(_)) => {
            [factors(&product.left), factors(&product.right)].concat()
        }
        Expr::Group(group) => factors(&group.expr),
        other => vec![other],
    }
}

/// The sizes of a weight, as an array.
fn sizes(weight: &Weight) -> TokenStream {
    let sizes = weight.sizes.iter().map(|size| match factors(size).as_slice() {
        [_] => quote!(#size),
        factors => quote!(::kerata::init::named::product(&[#(#factors),*])?),
    });
    quote!([#(#sizes),*])
}

fn build(layer: &Layer) -> TokenStream {
    let (element, device, _) = layer.generics();
    let head = layer.implements(&quote!(::kerata::parameters::Build));
    let check = layer.arguments.check.as_ref().map(|check| quote!(const { #check };));
    let fields = layer.fields.iter().map(|Field { member, ty, kind }| {
        let value = match kind {
            Kind::Weight(weight) => {
                let (sizes, constant) = (sizes(weight), &weight.init);
                match (&weight.given.fill, initializer::function(constant)) {
                    (Some(fill), _) => quote!(#fill(dev, #sizes)?),
                    (_, Some(name)) => quote!(::kerata::init::named::#name(dev, #sizes)?),
                    _ => quote!(::kerata::config::Initializer::#constant.fill_sizes(dev, #sizes)?),
                }
            }
            Kind::Option { default, .. } => default.to_token_stream(),
            Kind::Inner { .. } => quote_spanned! {ty.span() =>
                <#ty as ::kerata::parameters::Build<#element, #device>>::build(dev)?
            },
            Kind::Default => quote!(::core::default::Default::default()),
        };
        quote!(#member: #value)
    });
    let body = if layer.errors.is_empty() {
        quote! {
            #check
            let _ = dev;
            ::core::result::Result::Ok(Self { #(#fields),* })
        }
    } else {
        quote! {
            let _ = dev;
            ::core::unreachable!()
        }
    };
    quote! {
        #head {
            fn build(dev: &#device) -> ::core::result::Result<Self, ::kerata::Error> {
                #body
            }
        }
    }
}

fn parameters(layer: &Layer) -> TokenStream {
    let (element, device, _) = layer.generics();
    let head = layer.implements(&quote!(::kerata::parameters::Parameters));
    if layer.weights().next().is_none() && layer.inner().next().is_none() {
        return quote!(#head {});
    }
    let counts = |trainable: bool| {
        let weights = layer.weights().filter(move |(_, weight)| weight.trainable || !trainable);
        let weights = weights.map(|(_, weight)| {
            let sizes = &weight.sizes;
            match &weight.given.when {
                None => quote!(1 #(* (#sizes))*),
                Some(when) => quote!((if #when { 1 #(* (#sizes))* } else { 0 })),
            }
        });
        let inner = layer.inner().map(|(ty, _)| {
            let layer = quote!(<#ty as ::kerata::parameters::Parameters<#element, #device>>);
            if trainable { quote!(#layer::TRAINABLE) } else { quote!(#layer::PARAMS) }
        });
        weights.chain(inner).collect::<Vec<_>>()
    };
    let (all, trainable) = (counts(false), counts(true));
    let checks = layer.weights().filter(|(_, weight)| weight.open && layer.errors.is_empty()).map(
        |(field, weight)| {
            let (member, sizes) = (&field.member, sizes(weight));
            let what = format!("the shape of the weight `{}` of `{}`", field.text(), layer.title());
            quote!(::kerata::init::named::check(#what, &self.#member, #sizes)?;)
        },
    );
    let visits = layer.fields.iter().filter_map(|field| {
        let (member, name) = (&field.member, field.text());
        match &field.kind {
            Kind::Weight(Weight { trainable, given, .. }) => {
                let visit = quote! {
                    visitor.visit(::kerata::parameters::Parameter {
                        name: #name,
                        trainable: #trainable,
                        tensor: &mut self.#member,
                    })?;
                };
                Some(match &given.when {
                    Some(when) => quote!(if #when { #visit }),
                    None => visit,
                })
            }
            Kind::Inner { flat, .. } => {
                let visit = quote! {
                    ::kerata::parameters::Parameters::<#element, #device>::visit(
                        &mut self.#member,
                        visitor,
                    )?;
                };
                Some(if *flat {
                    visit
                } else {
                    quote!(visitor.enter(#name); #visit visitor.leave();)
                })
            }
            _ => None,
        }
    });
    quote! {
        #head {
            const PARAMS: usize = 0 #(+ #all)*;
            const TRAINABLE: usize = 0 #(+ #trainable)*;

            fn visit<KerataVisitor: ::kerata::parameters::Visitor<#element, #device>>(
                &mut self,
                visitor: &mut KerataVisitor,
            ) -> ::core::result::Result<(), ::kerata::Error> {
                #(#checks)*
                #(#visits)*
                ::core::result::Result::Ok(())
            }
        }
    }
}

/// `_` in a model is the number of features.
fn infer(layer: &Layer) -> TokenStream {
    if !layer.arguments.infer {
        return TokenStream::new();
    }
    let mut generics = layer.item.generics.clone();
    generics.params.push(parse_quote!(KerataInput: ::kerata::shape::Features));
    let (generics, this) = (generics.split_for_impl().0.to_token_stream(), layer.this());
    let clause = &layer.item.generics.where_clause;
    quote! {
        #[diagnostic::do_not_recommend]
        impl #generics ::kerata::model::Infer<KerataInput> for #this #clause {
            const SIZE: usize = KerataInput::SIZE;
        }
    }
}
