//! What a layer turns into: its struct, and how it is built, visited, configured and inferred.

mod config;
mod within;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{BinOp, Expr, ExprLit, Generics, Lit, Type, parse_quote, spanned::Spanned};

use super::check::{Field, Flag, Kind, Layer, Weight};
use crate::{derive::missing_derives, initializer};

pub(crate) fn expand(layer: &Layer) -> TokenStream {
    let item = &layer.item;
    let derives = missing_derives(&item.attrs);
    let parts = [
        build(layer),
        parameters(layer),
        config::options(layer),
        config::settings(layer),
        config::configured(layer),
        infer(layer),
        windows(layer).unwrap_or_default(),
    ];
    quote! {
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
            // Messages print these names, so they are the usual ones if they are free.
            let taken = generics.type_params().any(|ty| ty.ident == "E" || ty.ident == "D");
            let [element, device] =
                if taken { ["KerataElement", "KerataDevice"] } else { ["E", "D"] };
            let [element, device] = [element, device].map(|name| quote::format_ident!("{name}"));
            generics.params.push(parse_quote!(#element: ::kerata::Element));
            generics.params.push(parse_quote!(#device: ::kerata::Backend<#element>));
            (parse_quote!(#element), parse_quote!(#device))
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
        let hidden = self.hidden();
        quote!(#hidden impl #parameters #of for #this #clause)
    }

    fn this(&self) -> TokenStream {
        let name = &self.item.ident;
        let (_, generics, _) = self.item.generics.split_for_impl();
        quote!(#name #generics)
    }

    /// A layer with so many parameters says nothing in a list of those that implement a trait.
    fn hidden(&self) -> Option<TokenStream> {
        let many = self.item.generics.params.len() >= 8;
        many.then(|| quote!(#[diagnostic::do_not_recommend]))
    }

    /// The name that messages have for the layer.
    fn title(&self) -> String {
        match &self.arguments.class {
            Some(Expr::Lit(ExprLit { lit: Lit::Str(class), .. })) => class.value(),
            _ => self.item.ident.to_string(),
        }
    }
}

fn windows(layer: &Layer) -> Option<TokenStream> {
    let (windows, this) = (layer.arguments.windows.as_ref()?, layer.this());
    let (generics, _, clause) = layer.item.generics.split_for_impl();
    Some(quote! {
        impl #generics ::kerata::shape::Windowed for #this #clause {
            const WINDOWS: &'static [::kerata::shape::Along] = &#windows;
        }
    })
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
    let check = layer
        .arguments
        .check
        .as_ref()
        .map(|check| quote_spanned!(check.span() => const { #check };));
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
            Kind::Default | Kind::Carried => quote!(::core::default::Default::default()),
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

/// How many numbers a weight holds; 0 where the layer has none.
fn count(weight: &Weight, flag: Option<TokenStream>) -> TokenStream {
    let sizes = &weight.sizes;
    let constant = weight.when.constant.as_ref().map(ToTokens::to_token_stream);
    match (flag, constant) {
        (Some(flag), Some(constant)) => {
            quote!((if #flag && #constant { 1 #(* (#sizes))* } else { 0 }))
        }
        (Some(when), None) | (None, Some(when)) => {
            quote!((if #when { 1 #(* (#sizes))* } else { 0 }))
        }
        (None, None) => quote!(1 #(* (#sizes))*),
    }
}

fn parameters(layer: &Layer) -> TokenStream {
    let (element, device, _) = layer.generics();
    let head = layer.implements(&quote!(::kerata::parameters::Parameters));
    let none = layer.weights().next().is_none() && layer.inner().next().is_none();
    if !layer.errors.is_empty() {
        // Here, where a model that has the layer comes by: it is then silent about it.
        let errors = layer.errors.tokens();
        return quote!(#head { const PARAMS: usize = { #errors 0 }; });
    }
    if none {
        return quote!(#head {});
    }
    let counts = |trainable: bool| {
        let weights = layer.weights().filter(move |(_, weight)| weight.trainable || !trainable);
        let weights = weights.map(|(_, weight)| {
            let by_itself = weight.when.option.as_ref().map(|flag| flag.default.to_token_stream());
            count(weight, by_itself)
        });
        let inner = layer.inner().map(|(ty, _)| {
            let layer = quote!(<#ty as ::kerata::parameters::Parameters<#element, #device>>);
            if trainable { quote!(#layer::TRAINABLE) } else { quote!(#layer::PARAMS) }
        });
        weights.chain(inner).collect::<Vec<_>>()
    };
    let (all, trainable) = (counts(false), counts(true));
    let optional: Vec<_> = layer
        .weights()
        .filter_map(|(_, weight)| {
            let Flag { key, default, .. } = weight.when.option.as_ref()?;
            let (params, trainable) = (count(weight, None), weight.trainable);
            Some(quote! {
                ::kerata::parameters::Optional {
                    option: #key,
                    by_itself: #default,
                    params: #params,
                    trainable: #trainable,
                }
            })
        })
        .collect();
    let optional = (!optional.is_empty()).then(
        || quote!(const OPTIONAL: &'static [::kerata::parameters::Optional] = &[#(#optional),*];),
    );
    let optional = optional.or_else(|| within::optional(layer));
    let checks: Vec<_> = layer
        .weights()
        .filter(|(_, weight)| weight.open && layer.errors.is_empty())
        .map(|(field, weight)| {
            let (member, sizes) = (&field.member, sizes(weight));
            let what = format!("the shape of the weight `{}` of `{}`", field.text(), layer.title());
            quote!(::kerata::init::named::check(#what, &self.#member, #sizes)?;)
        })
        .collect();
    let (checked, checks) = match checks.as_slice() {
        [] => (None, None),
        checks => (
            Some(quote! {
                <Self as ::kerata::parameters::Parameters<#element, #device>>::check_shapes(self)?;
            }),
            Some(quote! {
                fn check_shapes(&self) -> ::core::result::Result<(), ::kerata::Error> {
                    #(#checks)*
                    ::core::result::Result::Ok(())
                }
            }),
        ),
    };
    let visits = layer.fields.iter().filter_map(|field| {
        let (member, name) = (&field.member, field.text());
        match &field.kind {
            Kind::Weight(Weight { trainable, when, .. }) => {
                let (groups, name) = name.rsplit_once('.').unwrap_or(("", &name));
                let groups = || groups.split('.').filter(|group| !group.is_empty());
                let enter = groups().map(|group| quote!(visitor.enter(#group);));
                let leave = groups().map(|_| quote!(visitor.leave();));
                let visit = quote! {
                    #(#enter)*
                    visitor.visit(::kerata::parameters::Parameter::new(
                        #name,
                        #trainable,
                        &mut self.#member,
                    ))?;
                    #(#leave)*
                };
                let flag = when.option.as_ref().map(|Flag { member, .. }| quote!(self.#member));
                let constant = when.constant.as_ref().map(ToTokens::to_token_stream);
                Some(match (flag, constant) {
                    (Some(flag), Some(constant)) => quote!(if #flag && #constant { #visit }),
                    (Some(when), None) | (None, Some(when)) => quote!(if #when { #visit }),
                    (None, None) => visit,
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
            Kind::Carried => {
                Some(quote!(if self.stateful { visitor.visit_carried(&self.#member)?; }))
            }
            _ => None,
        }
    });
    let tables = layer.arguments.tables.then(|| {
        quote!(
            const SHOWS_TABLES: bool = true;
        )
    });
    let holds = layer.fields.iter().any(|field| matches!(field.kind, Kind::Inner { .. }));
    let holds = holds.then(|| {
        quote!(
            const HOLDS: bool = true;
        )
    });
    quote! {
        #head {
            const PARAMS: usize = 0 #(+ #all)*;
            const TRAINABLE: usize = 0 #(+ #trainable)*;
            #tables
            #holds
            #optional

            fn visit(
                &mut self,
                visitor: &mut dyn ::kerata::parameters::Visitor<#element, #device>,
            ) -> ::core::result::Result<(), ::kerata::Error> {
                #checked
                #(#visits)*
                ::core::result::Result::Ok(())
            }

            #checks
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
        impl #generics ::kerata::model::Infer<KerataInput> for #this #clause {
            const SIZE: usize = KerataInput::SIZE;
        }
    }
}
