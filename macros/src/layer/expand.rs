//! What a layer turns into: its struct, and how it is built, visited, configured and inferred.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{BinOp, Expr, ExprLit, Generics, Lit, Type, parse_quote, spanned::Spanned};

use super::{
    check::{Field, Kind, Layer, Weight},
    parse::Key,
};
use crate::derive::missing_derives;

pub(crate) fn expand(layer: &Layer) -> TokenStream {
    let (errors, item) = (layer.errors.tokens(), &layer.item);
    let derives = missing_derives(&item.attrs);
    let parts = [build(layer), parameters(layer), options(layer), configured(layer), infer(layer)];
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
    fn implements(&self, path: &TokenStream, bound: bool) -> TokenStream {
        let (element, device, mut generics) = self.generics();
        let this = self.this();
        let of = quote!(#path<#element, #device>);
        if !self.item.generics.params.is_empty() && bound {
            let bounds = self.inner().map(|(_, layer, _)| {
                let bound: syn::WherePredicate =
                    syn::parse2(quote_spanned!(layer.span() => #layer: #of))
                        .unwrap_or_else(|_| parse_quote!((): Sized));
                bound
            });
            let bounds: Vec<_> = bounds.collect();
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
    let head = layer.implements(&quote!(::kerata::parameters::Build), true);
    let check = layer.arguments.check.as_ref().map(|check| quote!(const { #check };));
    let fields = layer.fields.iter().map(|Field { member, ty, kind }| {
        let value = match kind {
            Kind::Weight(weight) => {
                let sizes = sizes(weight);
                match &weight.fill {
                    Some(fill) => quote!(#fill(dev, #sizes)?),
                    None if weight.init.is_plain() => {
                        let name = &weight.init.name;
                        quote!(::kerata::init::named::#name(dev, #sizes)?)
                    }
                    None => {
                        let constant = &weight.init.constant;
                        quote!(::kerata::config::Initializer::#constant.fill_sizes(dev, #sizes)?)
                    }
                }
            }
            Kind::Option { default, .. } => default.to_token_stream(),
            Kind::Inner { .. } => quote_spanned! {ty.span() =>
                <#ty as ::kerata::parameters::Build<#element, #device>>::build(dev)?
            },
            Kind::Default => quote!(::core::default::Default::default()),
            Kind::Marker => quote!(::core::marker::PhantomData),
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
    let head = layer.implements(&quote!(::kerata::parameters::Parameters), true);
    if layer.weights().next().is_none() && layer.inner().next().is_none() {
        return quote!(#head {});
    }
    let counts = |trainable: bool| {
        let weights = layer.weights().filter(move |(_, weight)| weight.trainable || !trainable);
        let weights = weights.map(|(_, weight)| {
            let sizes = &weight.sizes;
            match &weight.when {
                None => quote!(1 #(* (#sizes))*),
                Some(when) => quote!((if #when { 1 #(* (#sizes))* } else { 0 })),
            }
        });
        let inner = layer.inner().map(|(Field { ty, .. }, ..)| {
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
            Kind::Weight(Weight { trainable, when, .. }) => {
                let visit = quote! {
                    visitor.visit(::kerata::parameters::Parameter {
                        name: #name,
                        trainable: #trainable,
                        tensor: &mut self.#member,
                    })?;
                };
                Some(match when {
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

/// The check of the options, where one has a range.
fn options(layer: &Layer) -> TokenStream {
    let checks: Vec<TokenStream> = layer
        .fields
        .iter()
        .filter_map(|Field { member, kind, .. }| {
            let Kind::Option { key, range: Some(range), .. } = kind else { return None };
            let expected = expected(range);
            Some(quote! {
                if !(#range).contains(&self.#member) {
                    return ::core::result::Result::Err(::kerata::Error::Invalid {
                        name: #key,
                        value: ::std::string::ToString::to_string(&self.#member),
                        expected: #expected,
                    });
                }
            })
        })
        .collect();
    if checks.is_empty() {
        return TokenStream::new();
    }
    let this = layer.this();
    let (generics, _, clause) = layer.item.generics.split_for_impl();
    quote! {
        impl #generics #this #clause {
            #[allow(dead_code)]
            /// Looks whether the options are in their ranges.
            ///
            /// # Errors
            /// [`Error::Invalid`](::kerata::Error::Invalid).
            fn check_options(&self) -> ::core::result::Result<(), ::kerata::Error> {
                #(#checks)*
                ::core::result::Result::Ok(())
            }
        }
    }
}

/// `it must be in 0..=1`.
fn expected(range: &Expr) -> String {
    let words = range.to_token_stream().into_iter().map(|token| token.to_string());
    let words = words.map(|word| word.strip_suffix(".0").map_or(word.clone(), str::to_owned));
    format!("it must be in {}", words.collect::<String>())
}

fn configured(layer: &Layer) -> TokenStream {
    let Some(class) = &layer.arguments.class else { return TokenStream::new() };
    let (element, device) =
        layer.types.clone().unwrap_or_else(|| (parse_quote!(f32), parse_quote!(::kerata::Cpu)));
    let this = layer.this();
    let (generics, _, clause) = layer.item.generics.split_for_impl();
    let dtype = layer.types.as_ref().map(|(element, _)| quote!(fields.dtype::<#element>();));
    let input = layer.arguments.input.as_ref().map(|input| {
        let size = |dim: &crate::signal::Dim| match dim.size(&layer.item.generics) {
            Some(size) => quote!(::core::option::Option::Some(#size)),
            None => quote!(::core::option::Option::None),
        };
        match input.dims.last().and_then(|last| last.size(&layer.item.generics)) {
            Some(features) if input.any_rank => quote!(fields.features(#features);),
            _ if input.any_rank => TokenStream::new(),
            _ => {
                let sizes = input.dims.iter().map(size);
                quote!(fields.input(&[#(#sizes),*]);)
            }
        }
    });
    let weights = || {
        let mut said = std::collections::HashSet::new();
        let keys = layer.weights().filter_map(|(field, weight)| {
            let (key, name, constant) = (&weight.key, field.text(), &weight.init.constant);
            let regularizer = weight.regularizer;
            // Of two weights of one name, the layer has one or the other.
            said.insert(key).then(|| quote! {
                fields.weight(#key, #name, ::kerata::config::Initializer::#constant, #regularizer);
            })
        });
        keys.collect::<TokenStream>()
    };
    let own = layer.fields.iter().map(|field| {
        let (member, name) = (&field.member, field.text());
        match &field.kind {
            Kind::Option { key, default, range } => {
                let rule = range.as_ref().map(|range| {
                    let expected = expected(range);
                    quote!(&|value| (#range).contains(value), #expected)
                });
                let rule = rule.unwrap_or_else(|| quote!(&|_| true, ""));
                quote_spanned!(field.ty.span() => fields.option(#key, &mut self.#member, #default, #rule);)
            }
            Kind::Inner { .. } => quote!(fields.layer_within(#name, &mut self.#member);),
            _ => TokenStream::new(),
        }
    });
    let keys = layer.arguments.keys.iter().map(|key| match key {
        Key::Weights => weights(),
        Key::Call { name, method, arguments } => {
            let name = name.as_ref().map(|name| {
                let name = syn::ext::IdentExt::unraw(name).to_string();
                quote!(#name,)
            });
            quote_spanned!(method.span() => fields.#method(#name #arguments);)
        }
    });
    let placed = layer.arguments.keys.iter().any(|key| matches!(key, Key::Weights));
    let rest = (!placed).then(weights);
    let body = if layer.errors.is_empty() {
        quote!(#dtype #input #(#own)* #(#keys)* #rest)
    } else {
        TokenStream::new()
    };
    let accepts = layer.arguments.accepts.as_ref().map(|accepts| {
        quote! {
            fn accepts(class: &str) -> bool {
                class == <Self as ::kerata::config::Configured>::CLASS || (#accepts)(class)
            }
        }
    });
    quote! {
        impl #generics ::kerata::config::Configured for #this #clause {
            const CLASS: &'static str = #class;
            type Element = #element;
            type Device = #device;

            fn describe(&mut self, fields: &mut ::kerata::config::Fields) {
                let _ = &fields;
                #body
            }

            #accepts
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
