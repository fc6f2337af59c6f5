//! What the user wrote, and everything that is wrong with it.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident};
use syn::{
    Attribute, Fields, Ident, ItemStruct, Meta, Token, Type,
    parse::{Parse, ParseStream},
    parse_quote, parse2,
    punctuated::Punctuated,
    spanned::Spanned,
};

use crate::{
    infer,
    signal::{Signal, names, short_name},
};

/// A struct under `#[model(..)]`.
pub(crate) struct Model {
    pub(crate) item: ItemStruct,
    pub(crate) input: Signal,
    pub(crate) output: Option<Signal>,
    pub(crate) element: Type,
    pub(crate) device: Type,
    pub(crate) layers: Vec<Layer>,
}

/// One field.
pub(crate) struct Layer {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    /// From which values its input comes: 0 is the input of the model, `i + 1` what field `i` gives.
    pub(crate) from: Vec<usize>,
}

/// The arguments of the attribute.
#[derive(Default)]
struct Arguments {
    input: Option<Signal>,
    output: Option<Signal>,
    element: Option<Type>,
    device: Option<Type>,
    errors: Errors,
}

/// All errors of a struct, to be told in one go.
#[derive(Default)]
struct Errors(Option<syn::Error>);

impl Errors {
    fn push(&mut self, span: Span, message: impl std::fmt::Display) {
        self.add(syn::Error::new(span, message));
    }

    fn add(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            None => self.0 = Some(error),
        }
    }
}

impl Parse for Arguments {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let mut arguments = Arguments::default();
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            let twice = match key.to_string().as_str() {
                "input" => arguments.input.replace(input.parse()?).is_some(),
                "output" => arguments.output.replace(input.parse()?).is_some(),
                "element" => arguments.element.replace(input.parse()?).is_some(),
                "device" => arguments.device.replace(input.parse()?).is_some(),
                other => {
                    let message = format!(
                        "`{other}` is no argument of `#[model]`: there are `input`, `output`, `element` and `device`"
                    );
                    arguments.errors.push(key.span(), message);
                    skip_to_comma(input)?;
                    false
                }
            };
            if twice {
                arguments.errors.push(key.span(), format!("`{key}` is given twice"));
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}

fn skip_to_comma(input: ParseStream) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<proc_macro2::TokenTree>()?;
    }
    Ok(())
}

impl Model {
    pub(crate) fn parse(arguments: TokenStream, item: TokenStream) -> syn::Result<Self> {
        let item: ItemStruct = parse2(item).map_err(|error| {
            let message = "`#[model]` stands on a struct with one layer a field";
            syn::Error::new(error.span(), message)
        })?;
        let mut arguments: Arguments = parse2(arguments)?;
        let mut errors = std::mem::take(&mut arguments.errors);
        if arguments.input.is_none() {
            errors.push(
                Span::call_site(),
                "say what the model takes, for example `#[model(input = (Batch, 28, 28, 1))]`",
            );
        }
        let (item, layers) = fields(item, &mut errors);
        match (errors.0, arguments.input) {
            (None, Some(input)) => Ok(Self {
                item,
                input,
                output: arguments.output,
                element: arguments.element.unwrap_or_else(|| parse_quote!(f32)),
                device: arguments.device.unwrap_or_else(|| parse_quote!(::kerata::Cpu)),
                layers,
            }),
            (Some(errors), _) => Err(errors),
            (None, None) => Err(syn::Error::new(Span::call_site(), "no input")),
        }
    }
}

/// The layers, and the struct without the attributes that are ours.
fn fields(mut item: ItemStruct, errors: &mut Errors) -> (ItemStruct, Vec<Layer>) {
    let generic = item.generics.params.first().map(Spanned::span);
    let named = match &mut item.fields {
        Fields::Named(named) if !named.named.is_empty() => named,
        Fields::Unnamed(fields) => {
            errors.push(
                fields.span(),
                "the layers of a model have names: write `struct Model { first: .., second: .. }`",
            );
            return (item, Vec::new());
        }
        _ => {
            errors.push(item.ident.span(), "a model has at least one layer");
            return (item, Vec::new());
        }
    };
    let mut layers: Vec<Layer> = Vec::new();
    for (i, field) in named.named.iter_mut().enumerate() {
        let name = field.ident.clone().unwrap_or_else(|| format_ident!("layer{i}"));
        check_holes(&field.ty, generic.is_some(), errors);
        let from = sources(&mut field.attrs, &layers, errors).unwrap_or_else(|| vec![i]);
        layers.push(Layer { name, ty: field.ty.clone(), from });
    }
    for (i, layer) in layers.iter().enumerate().take(layers.len() - 1) {
        if !layers.iter().any(|other| other.from.contains(&(i + 1))) {
            let message = format!("nothing takes what `{}` gives", layer.name);
            errors.push(layer.name.span(), message);
        }
    }
    (item, layers)
}

fn check_holes(ty: &Type, generic: bool, errors: &mut Errors) {
    let holes = infer::holes(ty);
    let name = short_name(ty);
    if let (true, Some(hole)) = (generic, holes.first()) {
        errors.push(
            *hole,
            format!(
                "`_` cannot be inferred in a struct with generic parameters: write the number of features that reaches `{name}`"
            ),
        );
    } else if let Some(second) = holes.get(1) {
        errors.push(
            *second,
            format!("only one parameter of `{name}` can be inferred: write this one out"),
        );
    } else if matches!(ty, Type::Infer(_)) {
        errors.push(ty.span(), "a whole layer cannot be inferred: only a size within it");
    }
}

/// The sources that `#[from(..)]` names; the attribute is taken away.
fn sources(
    attributes: &mut Vec<Attribute>,
    before: &[Layer],
    errors: &mut Errors,
) -> Option<Vec<usize>> {
    let at = attributes.iter().position(|attribute| attribute.path().is_ident("from"))?;
    let attribute = attributes.remove(at);
    let parsed = match &attribute.meta {
        Meta::List(list) => list.parse_args_with(Punctuated::<Ident, Token![,]>::parse_terminated),
        other => Err(syn::Error::new(other.span(), "write `#[from(name)]`, or `#[from(a, b)]`")),
    };
    let given = match parsed {
        Ok(given) => names(&given),
        Err(error) => {
            errors.add(error);
            return None;
        }
    };
    if given.is_empty() || given.len() > 2 {
        errors.push(attribute.span(), "a layer takes from one place or from two");
        return None;
    }
    let mut sources = Vec::new();
    for name in &given {
        match before.iter().position(|layer| layer.name == *name) {
            Some(layer) => sources.push(layer + 1),
            None if name == "input" => sources.push(0),
            None => {
                let known: Vec<String> =
                    before.iter().map(|layer| format!("`{}`", layer.name)).collect();
                let message = format!(
                    "no field before this one has the name `{name}`: there are `input` {}",
                    known.join(" ")
                );
                errors.push(name.span(), message);
                return None;
            }
        }
    }
    Some(sources)
}

/// The struct as it stands, with 0 for `_` and without our attributes, for use after an error.
pub(crate) fn without_holes(item: TokenStream) -> Option<TokenStream> {
    let mut item: ItemStruct = parse2(item).ok()?;
    for field in &mut item.fields {
        field.ty = infer::fill(&field.ty, &quote::quote!(0));
        field.attrs.retain(|attribute| !attribute.path().is_ident("from"));
    }
    Some(item.into_token_stream())
}
