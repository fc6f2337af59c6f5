//! What a model turns into.

mod alias;
mod calls;
mod checks;
mod describe;
mod fusion;
mod item;
mod outputs;
mod parameters;
mod rules;
mod stream;
mod windows;

use proc_macro2::{Group, Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Type, ext::IdentExt, parse_quote, parse_quote_spanned, spanned::Spanned};

use crate::{
    check::{Layer, Model},
    infer,
};
use alias::{beside, has_wires_beside, is_alias, may_be_alias};

/// What has been worked out for one field.
struct Wired {
    /// The type, with the sizes filled in, where it has a name of its own.
    named: Option<Type>,
    /// That name, or else the type.
    written: Type,
    /// The same type, by way of the check of the wiring: what is wrong within a type that has another name is told at the check,
    /// and then this one is unknown.
    ty: Type,
    /// The signal that reaches it.
    input: TokenStream,
    /// That signal as it takes it: without the sizes that no type calculates with, where its windows slide along them.
    taken: TokenStream,
    /// How it is called, built and visited.
    through: Through,
}

/// The paths that the functions of a layer are called through.
///
/// These go by way of the check of the wiring, and so they are silent where that has failed. In a struct whose
/// generic parameters have bounds that no instance is known for, it cannot be evaluated: there the layer's own
/// traits are named, always with the same span, so that the compiler tells the same error once.
struct Through {
    layer: TokenStream,
    build: TokenStream,
    parameters: TokenStream,
    /// Through which the config is written and read.
    shown: TokenStream,
    /// The checks of the first and of the others, if they go by way of those.
    checks: Option<[TokenStream; 2]>,
}

pub(crate) fn expand(model: &Model) -> TokenStream {
    let wired: Vec<Wired> = (0..model.layers.len()).map(|i| wire(model, i)).collect();
    let parts = [
        aliases(model, &wired),
        checks::named(model),
        beside(model).unwrap_or_default(),
        used(model),
        item::item(model, &wired),
        inferred(model),
        checks::wires(model, &wired),
        windows::codes(model, &wired),
        checks::output_check(model),
        outputs::constants(model),
        calls::layer(model, &wired),
        parameters::parameters(model, &wired),
        rules::checks(model, &wired),
        describe::described(model, &wired),
        describe::configured(model, &wired),
        stream::streamed(model, &wired),
        without(model),
    ];
    parts.into_iter().flat_map(with_locals).collect()
}

/// Tokens whose names of values are those of this macro. They stand where a field is; but where that came out of a macro of the user's,
/// a value of that name would be another one.
fn with_locals(tokens: TokenStream) -> TokenStream {
    const LOCALS: [&str; 4] = ["dev", "layer", "self", "visitor"];
    let each = tokens.into_iter().map(|token| match token {
        TokenTree::Ident(mut ident) if LOCALS.iter().any(|local| ident == local) => {
            ident.set_span(Span::call_site().located_at(ident.span()));
            TokenTree::Ident(ident)
        }
        TokenTree::Group(group) => {
            let mut new = Group::new(group.delimiter(), with_locals(group.stream()));
            new.set_span(group.span());
            TokenTree::Group(new)
        }
        token => token,
    });
    each.collect()
}

/// What a model has not, though who knows Keras looks for it: see `kerata::model::Untrained`.
fn without(model: &Model) -> TokenStream {
    let (generics, _, clause) = model.item.generics.split_for_impl();
    let span = model.item.ident.span();
    let this = model.this_at(span);
    let predicates = clause.map(|clause| &clause.predicates).into_iter().flatten();
    let predicates = quote!(#(#predicates,)*);
    let traits = [
        ("Untrained", "Trains"),
        ("Unsaved", "Saves"),
        ("Unasked", "Answers"),
        ("Unlisted", "Lists"),
    ];
    // All at the name of the struct: where trait, struct and bound are is shown.
    let each = traits.map(|(has, bound)| {
        let [has, bound] = [has, bound].map(|name| syn::Ident::new(name, span));
        quote_spanned! {span =>
            impl #generics ::kerata::model::#has for #this
            where
                #predicates
                for<'kerata> #this: ::kerata::model::#bound<'kerata>,
            {
            }
        }
    });
    each.into_iter().collect()
}

impl Model {
    fn this(&self) -> TokenStream {
        self.this_at(self.this_span())
    }

    /// Lints take what has the span of a macro for what it is.
    fn this_span(&self) -> Span {
        Span::call_site().located_at(self.item.ident.span())
    }

    fn named(&self, span: Span) -> Ident {
        Ident::new(&self.item.ident.to_string(), span.located_at(self.item.ident.span()))
    }

    fn this_at(&self, span: Span) -> TokenStream {
        let name = Ident::new(&self.item.ident.to_string(), span);
        let (_, generics, _) = self.item.generics.split_for_impl();
        quote!(#name #generics)
    }

    /// What has the wiring: the struct, or a type beside it where the compiler would have to know the size of the struct first.
    fn wires_at(&self, span: Span) -> TokenStream {
        match has_wires_beside(self) {
            true => Ident::new(&format!("Kerata{}Wires", self.item.ident.unraw()), span)
                .to_token_stream(),
            false => self.this_at(span),
        }
    }

    /// The signal of a value.
    fn value(&self, number: usize) -> TokenStream {
        self.value_at(number, Span::call_site())
    }

    fn value_at(&self, number: usize, span: Span) -> TokenStream {
        match self.is_generic() {
            true => self.signal_at(number, span),
            // By a name: each number in a type is a constant of its own to the compiler, however often it is written.
            false => self.name_at("Signal", number, span).into_token_stream(),
        }
    }

    fn signal_at(&self, number: usize, span: Span) -> TokenStream {
        let (this, number) = (self.wires_at(span), Literal::usize_unsuffixed(number));
        quote_spanned!(span => <#this as ::kerata::model::LayerNumber<#number>>::Signal)
    }

    /// The name of what `#[model]` makes of a value or a layer.
    fn name_at(&self, of: &str, number: usize, span: Span) -> Ident {
        Ident::new(&format!("Kerata{}{of}{number}", self.item.ident.unraw()), span)
    }

    fn output(&self) -> TokenStream {
        if self.outputs.is_empty() {
            return self.value(self.layers.len());
        }
        let outputs = self.outputs.iter().map(|(field, _)| self.value(field + 1));
        quote!(::kerata::Inputs<(#(#outputs,)*)>)
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
    ///
    /// With errors, it is the signal of the input, an error that has been told.
    fn checked(&self, number: usize, check: &str, span: Span) -> TokenStream {
        if !self.errors.is_empty() {
            return self.value_at(0, span);
        }
        if self.witness.is_none() {
            return quote_spanned!(span => ::kerata::model::Checked<0>);
        }
        // By a name: each block in a type is a constant of its own to the compiler, however often it is written.
        self.name_at(check, number, span).into_token_stream()
    }

    /// Whether each layer takes what the one before it gives.
    fn is_chain(&self) -> bool {
        self.outputs.is_empty()
            && self.layers.iter().enumerate().all(|(i, layer)| layer.from == [i])
            && self.layers.iter().all(|layer| layer.again.is_none())
    }

    /// The field that holds the layer that another one, or the same, calls.
    fn holder(&self, i: usize) -> &Layer {
        &self.layers[self.layers[i].again.unwrap_or(i)]
    }

    /// The fields that hold a layer.
    fn held<'a>(&'a self, wired: &'a [Wired]) -> impl Iterator<Item = (&'a Layer, &'a Wired)> {
        self.layers.iter().zip(wired).filter(|(layer, _)| layer.again.is_none())
    }
}

fn wire(model: &Model, i: usize) -> Wired {
    let layer = &model.layers[i];
    let (input, span) = (model.reaches(layer), layer.ty.span());
    // What is inferred is of what reaches the layer first.
    let first = model.holder(i);
    let first_input = model.reaches(first);
    let ty = if infer::holes(&layer.ty).is_empty() {
        layer.ty.clone()
    } else {
        let probe = infer::fill(&layer.ty, &quote!(0));
        let size = match (model.is_generic(), model.of_file) {
            (true, _) => quote!(0),
            (false, false) if first.is_ours() => {
                quote_spanned!(span => <#probe as ::kerata::model::Inferred<#first_input>>::SIZE)
            }
            (false, false) => checks::size_of_own(&probe, &first_input, span),
            (false, true) => {
                let (of, name) = (named(model, span), &first.name);
                quote_spanned!(span => #of::#name::<#probe>())
            }
        };
        infer::fill(&layer.ty, &size)
    };
    let (element, device) = (&model.element, &model.device);
    let checked = model.checked(i + 1, "CHECK", span);
    let (written, named) = match is_named(model, layer) {
        // What is wrong within the type itself is told at all its uses: at one place, and so once.
        true if may_be_alias(model, layer) => {
            let name = alias(model, i, span);
            (parse_quote!(#name), Some(ty))
        }
        true => (at_whole(&layer.ty, alias(model, i, span)), Some(ty)),
        false => (ty, None),
    };
    let ty: Type = match is_alias(model, layer) {
        true => {
            let (this, number) = (model.wires_at(span), Literal::usize_unsuffixed(i + 1));
            parse_quote_spanned!(span => <#checked as ::kerata::model::Told<#this, #number>>::Layer)
        }
        false => written.clone(),
    };
    let shown = quote_spanned! {span =>
        <#checked as ::kerata::config::Shown<#ty, #input>>
    };
    let windows = windows::of(model, i, &ty, &input);
    let taken = windows.as_ref().map_or_else(|| input.clone(), |windows| windows.opened.clone());
    let through = if model.witness.is_none() && model.errors.is_empty() {
        Through {
            layer: quote_spanned!(span => <#ty as ::kerata::Layer<#input, #element, #device>>),
            build: quote_spanned!(span => <#ty as ::kerata::parameters::Build<#element, #device>>),
            parameters: quote_spanned! {span =>
                <#ty as ::kerata::parameters::Parameters<#element, #device>>
            },
            shown,
            checks: None,
        }
    } else {
        let held = model.checked(i + 1, layer.last_check(), span);
        let called = windows.map_or(checked, |windows| windows.checked);
        let field = quote_spanned! {span =>
            <#held as ::kerata::model::Field<#ty, #element, #device>>
        };
        Through {
            layer: quote_spanned! {span =>
                <#called as ::kerata::model::Next<#ty, #input, #element, #device>>
            },
            build: field.clone(),
            checks: Some([called, held]),
            parameters: field,
            shown,
        }
    };
    Wired { named, written, ty, input, taken, through }
}

/// Whether the type of a field gets a name, by which all that is made of the struct calls it: so a name within it that there is not,
/// as of an import that was forgotten, is told once.
fn is_named(model: &Model, layer: &Layer) -> bool {
    let evaluated = !model.is_generic() && !model.of_file && model.errors.is_empty();
    evaluated && layer.again.is_none()
}

fn alias(model: &Model, i: usize, span: Span) -> Ident {
    model.name_at("Layer", i, span)
}

/// The name with the place of the whole type: without arguments, in brackets at the end of the type.
fn at_whole(ty: &Type, name: Ident) -> Type {
    let last = ty.to_token_stream().into_iter().skip(1).last();
    let arguments = last.map(|last| quote_spanned!(last.span() => <>));
    parse_quote!(#name #arguments)
}

/// The names that are written and stand for another type.
fn used(model: &Model) -> TokenStream {
    let used = |ty: &dyn ToTokens| {
        quote_spanned! {ty.span() =>
            const _: ::core::marker::PhantomData<#ty> = ::core::marker::PhantomData;
        }
    };
    match (model.of_file, model.errors.is_empty()) {
        (true, _) => TokenStream::new(),
        (false, true) => model.written_again.iter().map(|ty| used(ty)).collect(),
        (false, false) => model.named.iter().map(|ty| used(ty)).collect(),
    }
}

/// The names of the types of fields.
fn aliases(model: &Model, wired: &[Wired]) -> TokenStream {
    let named = wired.iter().enumerate().filter_map(|(i, wired)| {
        let (ty, name) = (wired.named.as_ref()?, alias(model, i, Span::call_site()));
        Some(quote! {
            #[doc(hidden)]
            #[allow(non_camel_case_types)]
            type #name = #ty;
        })
    });
    named.collect()
}

/// Where the functions are that name the layers of a file, which has no lines: the compiler then says which layer it is
/// whose size cannot be inferred.
fn named(model: &Model, span: Span) -> Ident {
    Ident::new(&format!("{}FileLayers", model.item.ident.unraw()), span)
}

/// One such function for each layer of which something is inferred.
fn inferred(model: &Model) -> TokenStream {
    if !model.of_file || !model.errors.is_empty() {
        return TokenStream::new();
    }
    let sizes = model.layers.iter().filter(|layer| layer.again.is_none());
    let sizes = sizes.filter(|layer| !infer::holes(&layer.ty).is_empty());
    let sizes = sizes.map(|layer| {
        let (name, span, input) = (&layer.name, layer.ty.span(), model.reaches(layer));
        quote_spanned! {span =>
            const fn #name<L: ::kerata::model::Inferred<#input>>() -> usize {
                L::SIZE
            }
        }
    });
    let name = named(model, Span::call_site());
    quote! {
        #[doc(hidden)]
        #[allow(dead_code)]
        struct #name;

        impl #name {
            #(#sizes)*
        }
    }
}

/// `Some(..)` or `None`.
pub(crate) fn optional(value: Option<impl quote::ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}
