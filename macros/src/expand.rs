//! What a model turns into.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Attribute, Type, spanned::Spanned};

use crate::{
    check::{Layer, Model},
    infer,
};

/// What has been worked out for one field.
struct Wired {
    /// The type, with the sizes filled in.
    ty: Type,
    /// The signal that reaches it.
    input: TokenStream,
    /// How it is called, built and visited.
    through: Through,
}

/// The paths that the functions of a layer are called through.
///
/// In a struct without generic parameters these go by way of the check of the wiring, and so they are
/// silent where that has failed. A check cannot depend on generic parameters; there the layer's own traits
/// are named, always with the same span, so that the compiler tells the same error once.
struct Through {
    layer: TokenStream,
    build: TokenStream,
    parameters: TokenStream,
    /// Through which the config is written and read.
    shown: TokenStream,
}

pub(crate) fn expand(model: &Model) -> TokenStream {
    let wired: Vec<Wired> = (0..model.layers.len()).map(|i| wire(model, i)).collect();
    let parts = [
        item(model, &wired),
        wires(model, &wired),
        output_check(model),
        layer(model, &wired),
        parameters(model, &wired),
        described(model, &wired),
        configured(model, &wired),
    ];
    parts.into_iter().collect()
}

impl Model {
    fn this(&self) -> TokenStream {
        // Lints take what has the span of a macro for what it is.
        let name = &self.item.ident;
        let name = Ident::new(&name.to_string(), Span::call_site().located_at(name.span()));
        let (_, generics, _) = self.item.generics.split_for_impl();
        quote!(#name #generics)
    }

    /// The signal of a value.
    fn value(&self, number: usize) -> TokenStream {
        self.value_at(number, Span::call_site())
    }

    fn value_at(&self, number: usize, span: Span) -> TokenStream {
        let (name, number) = (&self.item.ident, Literal::usize_unsuffixed(number));
        let (_, generics, _) = self.item.generics.split_for_impl();
        let name = Ident::new(&name.to_string(), span);
        quote_spanned!(span => <#name #generics as ::kerata::model::Wire<#number>>::Signal)
    }

    fn output(&self) -> TokenStream {
        self.value(self.layers.len())
    }

    /// The number of a part among the values.
    fn part(&self, index: usize) -> usize {
        self.layers.len() + 1 + index
    }

    fn reaches(&self, layer: &Layer) -> TokenStream {
        match layer.from.as_slice() {
            [one] => self.value(*one),
            several => {
                let values = several.iter().map(|&value| self.value(value));
                quote!(::kerata::Inputs<(#(#values,)*)>)
            }
        }
    }

    /// `Checked<..>` of one of the checks of a value, at its place.
    fn checked(&self, number: usize, check: &str, span: Span) -> TokenStream {
        if self.is_generic() {
            return quote_spanned!(span => ::kerata::model::Checked<0>);
        }
        let (this, number) = (self.this(), Literal::usize_unsuffixed(number));
        let check = Ident::new(check, span);
        quote_spanned! {span =>
            ::kerata::model::Checked<{ <#this as ::kerata::model::Wire<#number>>::#check }>
        }
    }

    /// Whether each layer takes what the one before it gives.
    fn is_chain(&self) -> bool {
        self.layers.iter().enumerate().all(|(i, layer)| layer.from == [i])
    }
}

fn wire(model: &Model, i: usize) -> Wired {
    let layer = &model.layers[i];
    let (input, span) = (model.reaches(layer), layer.ty.span());
    let ty = if infer::holes(&layer.ty).is_empty() {
        layer.ty.clone()
    } else {
        let probe = infer::fill(&layer.ty, &quote!(0));
        let size = if model.is_generic() {
            quote!(0)
        } else {
            quote_spanned!(span => <#probe as ::kerata::model::Infer<#input>>::SIZE)
        };
        infer::fill(&layer.ty, &size)
    };
    let (element, device) = (&model.element, &model.device);
    let checked = model.checked(i + 1, "CHECK", span);
    let shown = quote_spanned! {span =>
        <#checked as ::kerata::config::Shown<#ty, #input>>
    };
    let through = if model.is_generic() {
        Through {
            layer: quote_spanned!(span => <#ty as ::kerata::Layer<#input, #element, #device>>),
            build: quote_spanned!(span => <#ty as ::kerata::parameters::Build<#element, #device>>),
            parameters: quote_spanned! {span =>
                <#ty as ::kerata::parameters::Parameters<#element, #device>>
            },
            shown,
        }
    } else {
        let field = model.checked(i + 1, "FIELD", span);
        let field = quote_spanned! {span =>
            <#field as ::kerata::model::Field<#ty, #element, #device>>
        };
        Through {
            layer: quote_spanned! {span =>
                <#checked as ::kerata::model::Next<#ty, #input, #element, #device>>
            },
            build: field.clone(),
            parameters: field,
            shown,
        }
    };
    Wired { ty, input, through }
}

/// The struct itself, with the sizes filled in.
fn item(model: &Model, wired: &[Wired]) -> TokenStream {
    let mut item = model.item.clone();
    for (field, wired) in item.fields.iter_mut().zip(wired) {
        field.ty = wired.ty.clone();
    }
    let derived = |name: &str| item.attrs.iter().any(|attribute| derives(attribute, name));
    let derives = [("Clone", quote!(::core::clone::Clone)), ("Debug", quote!(::core::fmt::Debug))];
    let derives = derives.iter().filter(|(name, _)| !derived(name)).map(|(_, path)| path);
    quote! {
        #[derive(#(#derives),*)]
        #item
    }
}

fn derives(attribute: &Attribute, name: &str) -> bool {
    let mut found = false;
    if attribute.path().is_ident("derive") {
        // What does not parse here is told by the derive itself.
        let _ = attribute.parse_nested_meta(|meta| {
            found |= meta.path.segments.last().is_some_and(|last| last.ident == name);
            Ok(())
        });
    }
    found
}

/// One `Wire` a value: its signal, and the checks of what gives it.
fn wires(model: &Model, wired: &[Wired]) -> TokenStream {
    let (element, device) = (&model.element, &model.device);
    let layers = model.layers.iter().zip(wired).enumerate().map(|(i, (layer, wired))| {
        let (Wired { ty, input, .. }, through) = (wired, &wired.through.layer);
        let checked = model.checked(i + 1, "CHECK", layer.ty.span());
        let checks = quote_spanned! {layer.ty.span() =>
            const CHECK: usize = {
                let () = <#ty as ::kerata::Layer<#input, #element, #device>>::CHECK;
                0
            };
            const FIELD: usize =
                <#checked as ::kerata::model::Complete<#ty, #element, #device>>::CHECK;
        };
        wire_impl(model, i + 1, &quote!(#through::Out), &checks)
    });
    let parts = model.parts.iter().enumerate().map(|(i, part)| {
        let number = model.part(i);
        let (pair, at) = (model.value_at(part.of, part.span), Literal::usize_unsuffixed(part.at));
        let checked = model.checked(number, "CHECK", part.span);
        let signal = quote!(<#checked as ::kerata::model::Part<#at, #pair>>::Signal);
        let check = quote_spanned! {part.span =>
            const CHECK: usize = {
                let () = <#pair as ::kerata::signal::TwoSignals>::CHECK;
                0
            };
        };
        wire_impl(model, number, &signal, &check)
    });
    std::iter::once(input_wire(model)).chain(layers).chain(parts).collect()
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
    let (this, number) = (model.this(), Literal::usize_unsuffixed(number));
    let (generics, _, clause) = model.item.generics.split_for_impl();
    let checks = (!model.is_generic() && model.errors.is_empty()).then_some(checks);
    quote! {
        #[doc(hidden)]
        impl #generics ::kerata::model::Wire<#number> for #this #clause {
            type Signal = #signal;
            #checks
        }
    }
}

fn output_check(model: &Model) -> TokenStream {
    let Some((span, output)) = &model.output else { return TokenStream::new() };
    let (generics, _, clause) = model.item.generics.split_for_impl();
    let last = model.output();
    let check = quote_spanned!(*span => <#last as ::kerata::model::Gives<#output>>::CHECK);
    if !model.is_generic() {
        return quote!(const _: () = #check;);
    }
    quote! {
        const _: () = {
            #[allow(dead_code)]
            const fn check #generics () #clause {
                #check
            }
        };
    }
}

fn layer(model: &Model, wired: &[Wired]) -> TokenStream {
    let this = model.this();
    let (generics, _, clause) = model.item.generics.split_for_impl();
    let (input, element, device) = (model.value(0), &model.element, &model.device);
    let out = model.output();
    let (call, call_mut) = if model.is_chain() {
        (chain(model, wired, false), chain(model, wired, true))
    } else {
        (graph(model, wired, false), graph(model, wired, true))
    };
    let data = |signal: &TokenStream| quote!(<#signal as ::kerata::signal::Signal>::Data<#element, #device, KerataTape>);
    let (x, y) = (data(&input), data(&out));
    quote! {
        impl #generics ::kerata::Layer<#input, #element, #device> for #this #clause {
            type Out = #out;

            fn call<KerataTape: ::kerata::model::Tape<#element, #device>>(
                &self,
                x: #x,
            ) -> ::core::result::Result<#y, ::kerata::Error> {
                #call
            }

            fn call_mut<KerataTape: ::kerata::model::Tape<#element, #device>>(
                &mut self,
                x: #x,
            ) -> ::core::result::Result<#y, ::kerata::Error> {
                #call_mut
            }
        }
    }
}

/// The call of one layer.
fn apply(layer: &Layer, wired: &Wired, training: bool) -> TokenStream {
    let (through, name) = (&wired.through.layer, &layer.name);
    if training {
        quote!(#through::call_mut::<KerataTape>(&mut self.#name, x)?)
    } else {
        quote!(#through::call::<KerataTape>(&self.#name, x)?)
    }
}

fn chain(model: &Model, wired: &[Wired], training: bool) -> TokenStream {
    let calls = model.layers.iter().zip(wired).map(|(layer, wired)| {
        let call = apply(layer, wired, training);
        quote!(let x = #call;)
    });
    quote! {
        #(#calls)*
        ::core::result::Result::Ok(x)
    }
}

/// Branches: the values wait without a tape, and the tape goes from call to call.
fn graph(model: &Model, wired: &[Wired], training: bool) -> TokenStream {
    let (element, device) = (&model.element, &model.device);
    let signal = |number| {
        let signal = model.value(number);
        quote!(<#signal as ::kerata::signal::Signal>)
    };
    let calls = model.layers.iter().zip(wired).enumerate().map(|(i, (layer, wired))| {
        let shared = layer.from.iter().map(|&from| shared(model, from));
        let shared = match layer.from.as_slice() {
            [_] => quote!(#(#shared)*),
            _ => quote!((#(#shared,)*)),
        };
        let (reaches, gives) = (&wired.input, signal(i + 1));
        let (call, result) = (apply(layer, wired, training), variable(i + 1));
        quote! {
            let x = <#reaches as ::kerata::signal::Signal>::put_tape::<#element, #device, KerataTape>(
                #shared,
                tape,
            );
            let x = #call;
            let (#result, tape) = #gives::split_tape::<#element, #device, KerataTape>(x);
        }
    });
    let (first, input) = (variable(0), signal(0));
    let (last, out) = (variable(model.layers.len()), signal(model.layers.len()));
    quote! {
        let (#first, tape) = #input::split_tape::<#element, #device, KerataTape>(x);
        #(#calls)*
        ::core::result::Result::Ok(
            #out::put_tape::<#element, #device, KerataTape>(#last, tape),
        )
    }
}

fn variable(number: usize) -> Ident {
    quote::format_ident!("value{number}")
}

/// The data of a value, once more.
fn shared(model: &Model, number: usize) -> TokenStream {
    let (element, device) = (&model.element, &model.device);
    let part = number.checked_sub(model.part(0)).map(|index| &model.parts[index]);
    match part {
        Some(part) => {
            let (pair, at) = (model.value(part.of), Literal::usize_unsuffixed(part.at));
            let (checked, data) =
                (model.checked(number, "CHECK", part.span), shared(model, part.of));
            quote! {
                <#checked as ::kerata::model::Part<#at, #pair>>::take::<#element, #device>(#data)
            }
        }
        None => {
            let (signal, variable) = (model.value(number), variable(number));
            quote! {
                <#signal as ::kerata::signal::Signal>::share::<#element, #device>(&#variable)
            }
        }
    }
}

fn parameters(model: &Model, wired: &[Wired]) -> TokenStream {
    let this = model.this();
    let (generics, _, clause) = model.item.generics.split_for_impl();
    let (element, device) = (&model.element, &model.device);
    let fields = model.layers.iter().zip(wired.iter().map(|wired| &wired.through));
    let builds = fields.clone().map(|(layer, Through { build, .. })| {
        let (name, span) = (&layer.name, layer.ty.span());
        quote_spanned!(span => #name: #build::build(dev)?)
    });
    let counts =
        fields.clone().map(|(_, Through { parameters, .. })| quote!(+ #parameters::PARAMS));
    let trainable =
        fields.clone().map(|(_, Through { parameters, .. })| quote!(+ #parameters::TRAINABLE));
    let visits = fields.map(|(layer, Through { parameters, .. })| {
        let (name, span, text) = (&layer.name, layer.ty.span(), layer.text());
        quote_spanned! {span =>
            visitor.enter(#text);
            #parameters::visit::<KerataVisitor>(&mut self.#name, visitor)?;
            visitor.leave();
        }
    });
    quote! {
        impl #generics ::kerata::parameters::Build<#element, #device> for #this #clause {
            fn build(dev: &#device) -> ::core::result::Result<Self, ::kerata::Error> {
                ::core::result::Result::Ok(Self { #(#builds,)* })
            }
        }

        impl #generics ::kerata::parameters::Parameters<#element, #device> for #this #clause {
            const PARAMS: usize = 0 #(#counts)*;
            const TRAINABLE: usize = 0 #(#trainable)*;

            fn visit<KerataVisitor: ::kerata::parameters::Visitor<#element, #device>>(
                &mut self,
                visitor: &mut KerataVisitor,
            ) -> ::core::result::Result<(), ::kerata::Error> {
                #(#visits)*
                ::core::result::Result::Ok(())
            }
        }
    }
}

fn described(model: &Model, wired: &[Wired]) -> TokenStream {
    let this = model.this();
    let (generics, _, clause) = model.item.generics.split_for_impl();
    let (element, device) = (&model.element, &model.device);
    let (input, out, title) = (model.value(0), model.output(), model.item.ident.to_string());
    let rows = model.layers.iter().zip(wired).enumerate().map(|(i, (layer, wired))| {
        let (Wired { ty, input, .. }, gives) = (wired, model.value(i + 1));
        let Through { layer: call, parameters, .. } = &wired.through;
        let name = layer.text();
        let from = layer.from.iter().map(|&from| source(model, from));
        quote! {
            ::kerata::model::Row::of::<#ty, #input, #gives>(
                #name,
                &[#(#from),*],
                #call::DROPS_MASK,
                #parameters::PARAMS,
                #parameters::TRAINABLE,
            )
        }
    });
    quote! {
        impl #generics ::kerata::model::Model<#element, #device> for #this #clause {
            type Input = #input;
            type Output = #out;

            fn summary() -> ::kerata::model::Summary {
                ::kerata::model::Summary::new(#title, ::std::vec![#(#rows),*])
            }
        }
    }
}

/// A chain is a `Sequential` in Keras, other models are `Functional`, if all layers have a config there.
fn configured(model: &Model, wired: &[Wired]) -> TokenStream {
    let class = if model.is_chain() { "Sequential" } else { "Functional" };
    let this = model.this();
    let (generics, _, clause) = model.item.generics.split_for_impl();
    let (input, element, device) = (model.value(0), &model.element, &model.device);
    let given = clause.map(|clause| &clause.predicates);
    let given = given.into_iter().flatten();
    // With a lifetime in front, a bound on a type that is known may also be one that does not hold.
    let clause = wired.iter().zip(&model.layers).map(|(Wired { ty, .. }, layer)| {
        quote_spanned!(layer.ty.span() => for<'kerata> #ty: ::kerata::config::Configured)
    });
    let clause = quote!(where #(#given,)* #(#clause,)*);
    let shows = model.layers.iter().zip(wired).map(|(layer, wired)| {
        let (shown, name) = (&wired.through.shown, &layer.name);
        let (span, text) = (layer.ty.span(), layer.text());
        let from = layer.from.iter().map(|&from| source(model, from));
        let from = (!model.is_chain()).then(|| quote!(visitor.from(&[#(#from),*]);));
        quote_spanned! {span =>
            #from
            #shown::show::<KerataVisitor>(#text, &mut self.#name, visitor);
        }
    });
    quote! {
        impl #generics ::kerata::config::Layers<#input, #element, #device> for #this #clause {
            fn layers<KerataVisitor: ::kerata::config::LayerVisitor>(
                &mut self,
                visitor: &mut KerataVisitor,
            ) {
                #(#shows)*
            }
        }

        impl #generics ::kerata::config::Configured for #this #clause {
            const CLASS: &'static str = #class;
            type Element = #element;
            type Device = #device;

            fn describe(&mut self, fields: &mut ::kerata::config::Fields) {
                fields.layers::<#input, Self, #element, #device>(self);
            }

            fn accepts(class: &str) -> bool {
                class == #class || class == "Functional"
            }
        }
    }
}

/// The name of a value.
fn source(model: &Model, number: usize) -> String {
    match (number, number.checked_sub(model.part(0))) {
        (0, _) => "input".to_owned(),
        (_, Some(index)) => {
            let part = &model.parts[index];
            format!("{}.{}", source(model, part.of), part.at)
        }
        (_, None) => model.layers[number - 1].text(),
    }
}
