//! What a model turns into.

use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Attribute, Type, spanned::Spanned};

use crate::{
    infer,
    parse::{Layer, Model},
};

/// What has been worked out for one field.
struct Wired {
    /// The type, with the sizes filled in.
    ty: Type,
    /// The signal that reaches it.
    input: TokenStream,
    /// `Next`, through which it is called: silent where the check of the wiring has failed.
    next: TokenStream,
    /// `Field`, through which it is built and visited, silent likewise.
    field: TokenStream,
    /// `Shown`, through which its config is written and read, silent likewise.
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
        let name = &self.item.ident;
        let (_, generics, _) = self.item.generics.split_for_impl();
        quote!(#name #generics)
    }

    fn is_generic(&self) -> bool {
        !self.item.generics.params.is_empty()
    }

    /// The signal of a value: 0 is the input, `i + 1` what field `i` gives.
    fn value(&self, number: usize) -> TokenStream {
        if number == 0 {
            let input = &self.input;
            return quote!(#input);
        }
        let (this, number) = (self.this(), Literal::usize_unsuffixed(number));
        quote!(<#this as ::kerata::model::Wire<#number>>::Signal)
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
        let size = quote_spanned!(span => <#probe as ::kerata::model::Infer<#input>>::SIZE);
        infer::fill(&layer.ty, &size)
    };
    let (element, device) = (&model.element, &model.device);
    let (this, number) = (model.this(), Literal::usize_unsuffixed(i + 1));
    // The check stands in the type: where it fails the type is an error that the compiler has already
    // told, and everything behind it stays silent. A check cannot depend on generic parameters.
    let check = if model.is_generic() {
        quote!(0)
    } else {
        quote_spanned!(span => <#this as ::kerata::model::Wire<#number>>::CHECK)
    };
    let checked = quote_spanned!(span => ::kerata::model::Checked<{ #check }>);
    let next = quote_spanned! {span =>
        <#checked as ::kerata::model::Next<#ty, #input, #element, #device>>
    };
    let field = quote_spanned! {span =>
        <#checked as ::kerata::model::Field<#ty, #input, #element, #device>>
    };
    let shown = quote_spanned! {span =>
        <#checked as ::kerata::config::Shown<#ty, #input, #element, #device>>
    };
    Wired { ty, input, next, field, shown }
}

/// The struct itself, with the sizes filled in.
fn item(model: &Model, wired: &[Wired]) -> TokenStream {
    let mut item = model.item.clone();
    for (field, wired) in item.fields.iter_mut().zip(wired) {
        field.ty = wired.ty.clone();
    }
    let derived = |name: &str| item.attrs.iter().any(|attribute| derives(attribute, name));
    let derives = [("Clone", quote!(Clone)), ("Debug", quote!(Debug))];
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

/// One `Wire` a value: its signal, and the check of the layer that gives it.
fn wires(model: &Model, wired: &[Wired]) -> TokenStream {
    let this = model.this();
    let (generics, _, clause) = model.item.generics.split_for_impl();
    let (element, device) = (&model.element, &model.device);
    let wires = wired.iter().enumerate().map(|(i, Wired { ty, input, next, .. })| {
        let (number, span) = (Literal::usize_unsuffixed(i + 1), model.layers[i].ty.span());
        let check = quote_spanned! {span =>
            const CHECK: usize = {
                let () = <#ty as ::kerata::Layer<#input, #element, #device>>::CHECK;
                0
            };
        };
        quote! {
            #[doc(hidden)]
            impl #generics ::kerata::model::Wire<#number> for #this #clause {
                type Signal = #next::Out;
                #check
            }
        }
    });
    wires.collect()
}

fn output_check(model: &Model) -> TokenStream {
    let Some(output) = &model.output else { return TokenStream::new() };
    if model.is_generic() {
        return TokenStream::new();
    }
    let last = model.value(model.layers.len());
    let span = output.span;
    quote_spanned! {span =>
        const _: () = <#last as ::kerata::model::Gives<#output>>::CHECK;
    }
}

fn layer(model: &Model, wired: &[Wired]) -> TokenStream {
    let this = model.this();
    let (generics, _, clause) = model.item.generics.split_for_impl();
    let (input, element, device) = (&model.input, &model.element, &model.device);
    let out = model.value(model.layers.len());
    let (call, call_mut) = if model.is_chain() {
        (chain(model, wired, false), chain(model, wired, true))
    } else {
        (graph(model, wired, false), graph(model, wired, true))
    };
    let data = |signal: &TokenStream| quote!(<#signal as ::kerata::signal::Signal>::Data<#element, #device, KerataTape>);
    let (x, y) = (data(&quote!(#input)), data(&out));
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
    let (next, name) = (&wired.next, &layer.name);
    if training {
        quote!(#next::call_mut::<KerataTape>(&mut self.#name, x)?)
    } else {
        quote!(#next::call::<KerataTape>(&self.#name, x)?)
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
    let value = |number: usize| quote::format_ident!("value{number}");
    let signal = |signal: &TokenStream| quote!(<#signal as ::kerata::signal::Signal>);
    let (first, input) = (value(0), signal(&model.value(0)));
    let calls = model.layers.iter().zip(wired).enumerate().map(|(i, (layer, wired))| {
        let shared = layer.from.iter().map(|&from| {
            let (signal, value) = (signal(&model.value(from)), value(from));
            quote!(#signal::share::<#element, #device>(&#value))
        });
        let shared = match layer.from.as_slice() {
            [_] => quote!(#(#shared)*),
            _ => quote!((#(#shared,)*)),
        };
        let (reaches, gives) = (signal(&wired.input), signal(&model.value(i + 1)));
        let (call, result) = (apply(layer, wired, training), value(i + 1));
        quote! {
            let x = #reaches::put_tape::<#element, #device, KerataTape>(#shared, tape);
            let x = #call;
            let (#result, tape) = #gives::split_tape::<#element, #device, KerataTape>(x);
        }
    });
    let (last, out) = (value(model.layers.len()), signal(&model.value(model.layers.len())));
    quote! {
        let (#first, tape) = #input::split_tape::<#element, #device, KerataTape>(x);
        #(#calls)*
        ::core::result::Result::Ok(
            #out::put_tape::<#element, #device, KerataTape>(#last, tape),
        )
    }
}

fn parameters(model: &Model, wired: &[Wired]) -> TokenStream {
    let this = model.this();
    let (generics, _, clause) = model.item.generics.split_for_impl();
    let (element, device) = (&model.element, &model.device);
    let fields = model.layers.iter().zip(wired);
    let builds = fields.clone().map(|(layer, Wired { field, .. })| {
        let (name, span) = (&layer.name, layer.ty.span());
        quote_spanned!(span => #name: #field::build(dev)?)
    });
    let counts = wired.iter().map(|Wired { field, .. }| quote!(+ #field::PARAMS));
    let visits = fields.map(|(layer, Wired { field, .. })| {
        let (name, span, text) = (&layer.name, layer.ty.span(), layer.name.to_string());
        quote_spanned! {span =>
            visitor.enter(#text);
            #field::visit::<KerataVisitor>(&mut self.#name, visitor)?;
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
    let (input, element, device) = (&model.input, &model.element, &model.device);
    let (out, title) = (model.value(model.layers.len()), model.item.ident.to_string());
    let rows = model.layers.iter().zip(wired).map(|(layer, Wired { field, .. })| {
        let (name, first) = (layer.name.to_string(), layer.from.contains(&0));
        quote!(#field::row(#name, #first))
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

/// A chain is a `Sequential` in Keras, if all of its layers have a config there.
fn configured(model: &Model, wired: &[Wired]) -> TokenStream {
    if !model.is_chain() {
        return TokenStream::new();
    }
    let this = model.this();
    let (generics, _, clause) = model.item.generics.split_for_impl();
    let (input, element, device) = (&model.input, &model.element, &model.device);
    let given = clause.map(|clause| &clause.predicates);
    let given = given.into_iter().flatten();
    // With a lifetime in front, a bound on a type that is known may also be one that does not hold.
    let clause = wired.iter().zip(&model.layers).map(|(Wired { ty, .. }, layer)| {
        quote_spanned!(layer.ty.span() => for<'kerata> #ty: ::kerata::config::Configured)
    });
    let clause = quote!(where #(#given,)* #(#clause,)*);
    let shows = model.layers.iter().zip(wired).map(|(layer, Wired { shown, .. })| {
        let (name, span, text) = (&layer.name, layer.ty.span(), layer.name.to_string());
        quote_spanned!(span => #shown::show::<KerataVisitor>(#text, &mut self.#name, visitor);)
    });
    quote! {
        impl #generics ::kerata::config::Layers<#input, #element, #device> for #this #clause {
            fn layers<KerataVisitor: ::kerata::config::LayerVisitor<#element, #device>>(
                &mut self,
                visitor: &mut KerataVisitor,
            ) {
                #(#shows)*
            }
        }

        impl #generics ::kerata::config::Configured for #this #clause {
            const CLASS: &'static str = "Sequential";
            type Element = #element;
            type Device = #device;

            fn describe(&mut self, fields: &mut ::kerata::config::Fields) {
                fields.layers::<#input, Self, #element, #device>(self);
            }
        }
    }
}
