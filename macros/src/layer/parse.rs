//! What the user wrote: the arguments of `#[layer]`, and the attributes of its fields.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::{
    Attribute, Expr, Ident, LitBool, LitStr, Meta, Path, Token, Type, bracketed, parenthesized,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    spanned::Spanned,
    token::{Bracket, Paren},
};

use crate::{
    errors::Errors,
    initializer,
    parse::{arguments, flag, value},
    signal::Dim,
    spelling::text,
};

/// The arguments of the attribute.
#[derive(Default)]
pub(crate) struct Arguments {
    /// Keras's class.
    pub(crate) class: Option<Expr>,
    /// A function that says whether a config of some other class may describe the layer.
    pub(crate) accepts: Option<Expr>,
    /// The shape of the input.
    pub(crate) input: Option<Input>,
    /// Whether a size may be `_` in a model.
    pub(crate) infer: bool,
    /// Whether its matrices are tables, of which nothing but rows is read.
    pub(crate) tables: bool,
    /// What is evaluated at compile time, where the layer is built.
    pub(crate) check: Option<Expr>,
    /// The keys of the config.
    pub(crate) keys: Vec<Key>,
    /// What becomes of the sizes behind the batch, where windows slide along them.
    pub(crate) windows: Option<Expr>,
    pub(crate) element: Option<Type>,
    pub(crate) device: Option<Type>,
    pub(crate) errors: Errors,
}

/// The shape of the input: `(Batch, Length, I)`, or `(Batch, .., F)` for one of any rank.
pub(crate) struct Input {
    pub(crate) dims: Vec<Dim>,
    pub(crate) any_rank: bool,
}

/// Keys of a config.
pub(crate) enum Key {
    /// A method of `Fields` and its arguments, the name of the key first: `units: size(O)`.
    Call { name: Option<Ident>, method: Ident, arguments: TokenStream },
    /// `weights`: here come those of the weights.
    Weights,
}

/// What a field is for.
pub(crate) enum Role {
    Weight(Weight),
    Option(Setting),
    Inner(Inner),
    Cache,
}

/// `#[weight(shape = (I, O), init = glorot_uniform)]`.
#[derive(Default)]
pub(crate) struct Weight {
    pub(crate) shape: Option<(Span, Vec<Expr>)>,
    pub(crate) init: Option<Ident>,
    /// A function that makes the initial values, where no initializer does.
    pub(crate) fill: Option<Path>,
    pub(crate) trainable: Option<bool>,
    /// Whether there are keys for a regularizer and a constraint.
    pub(crate) regularizer: Option<bool>,
    /// Whether there are any keys.
    pub(crate) keys: Option<bool>,
    /// What it is called, if not as its field.
    pub(crate) name: Option<LitStr>,
    /// What Keras's keys begin with.
    pub(crate) key: Option<LitStr>,
    /// Whether the layer has this weight.
    pub(crate) when: Option<Expr>,
    /// Whether something of this is wrong, and told.
    pub(crate) told: bool,
}

/// `#[option(default = 1e-3, key = "epsilon", range = 0.0..=1.0)]`.
#[derive(Default)]
pub(crate) struct Setting {
    pub(crate) default: Option<Expr>,
    pub(crate) key: Option<LitStr>,
    pub(crate) range: Option<Expr>,
    /// Whether it is an argument of the call in Keras, and not of the layer.
    pub(crate) call: bool,
    /// Whether something of this is wrong, and told.
    pub(crate) told: bool,
}

/// `#[inner(by_hand, flat, options)]`, a layer within the layer.
#[derive(Default)]
pub(crate) struct Inner {
    /// The layer hands the training pass on in its own `call_mut`.
    pub(crate) by_hand: bool,
    /// Its parameters have no prefix.
    pub(crate) flat: bool,
    /// Its options are those of the layer around it.
    pub(crate) options: bool,
}

const LAYER: [&str; 10] = [
    "class", "accepts", "input", "infer", "check", "keys", "tables", "windows", "element", "device",
];
const WEIGHT: [&str; 9] =
    ["shape", "init", "fill", "trainable", "regularizer", "keys", "name", "key", "when"];
const ROLES: [&str; 4] = ["weight", "option", "inner", "cache"];

impl Parse for Arguments {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let (mut all, mut errors) = (Self::default(), Errors::default());
        arguments(input, "#[layer]", &LAYER, &mut errors, |key, input| {
            match key {
                "infer" => all.infer = flag(key, input)?,
                "tables" => all.tables = flag(key, input)?,
                "keys" => all.keys = list::<Key>(input)?,
                "class" => all.class = Some(value(input)?),
                "accepts" => all.accepts = Some(value(input)?),
                "input" => all.input = Some(value(input)?),
                "windows" => all.windows = Some(value(input)?),
                "check" => all.check = Some(value(input)?),
                "element" => all.element = Some(value(input)?),
                _ => all.device = Some(value(input)?),
            }
            Ok(())
        })?;
        Ok(Self { errors, ..all })
    }
}

/// `(a, b)`.
fn list<T: Parse>(input: ParseStream) -> syn::Result<Vec<T>> {
    let content;
    parenthesized!(content in input);
    Ok(Punctuated::<T, Token![,]>::parse_terminated(&content)?.into_iter().collect())
}

/// `= (I, O)`; as an array, it is told and taken for what it says.
fn sizes(input: ParseStream) -> syn::Result<(Vec<Expr>, Option<syn::Error>)> {
    let start = input.span();
    if !input.peek(Bracket) {
        return Ok((list(input)?, None));
    }
    let content;
    bracketed!(content in input);
    let sizes = Punctuated::<Expr, Token![,]>::parse_terminated(&content)?;
    let message = format!("a shape stands in parentheses: write `shape = ({})`", text(&sizes));
    Ok((sizes.into_iter().collect(), Some(syn::Error::new(start, message))))
}

impl Parse for Input {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        struct Part(Option<Dim>);
        impl Parse for Part {
            fn parse(input: ParseStream) -> syn::Result<Self> {
                let rest = input.parse::<Option<Token![..]>>()?;
                Ok(Self(if rest.is_some() { None } else { Some(input.parse()?) }))
            }
        }
        if !input.peek(Paren) {
            return Err(input
                .error("the shape of what the layer takes is needed: write `input = (Batch, F)`"));
        }
        let parts = list::<Part>(input)?;
        let any_rank = parts.iter().any(|part| part.0.is_none());
        Ok(Self { dims: parts.into_iter().filter_map(|part| part.0).collect(), any_rank })
    }
}

impl Parse for Key {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let first: Ident = input.parse()?;
        let (name, method) = if input.parse::<Option<Token![:]>>()?.is_some() {
            (Some(first), input.parse()?)
        } else if first == "weights" {
            return Ok(Self::Weights);
        } else {
            (None, first)
        };
        if !input.peek(Paren) {
            let message = format!(
                "a key has a name and says what it holds: write `keys(units: size({method}))`"
            );
            return Err(syn::Error::new(method.span(), message));
        }
        let content;
        parenthesized!(content in input);
        Ok(Self::Call { name, method, arguments: content.parse()? })
    }
}

/// Whether the compiler knows an attribute of a field.
pub(crate) fn is_of_rust(attribute: &Attribute) -> bool {
    let known =
        ["doc", "cfg", "cfg_attr", "allow", "expect", "warn", "deny", "deprecated", "rustfmt"];
    let first = attribute.path().segments.first();
    first.is_some_and(|first| known.iter().any(|known| first.ident == known))
}

/// What a field is for, by its attributes, which are taken away.
pub(crate) fn role(attributes: &mut Vec<Attribute>, errors: &mut Errors) -> Option<Role> {
    let ours = |attribute: &Attribute| ROLES.iter().any(|role| attribute.path().is_ident(role));
    let (roles, others): (Vec<_>, Vec<_>) = attributes.drain(..).partition(ours);
    *attributes = others;
    if let Some(second) = roles.get(1) {
        let message = "a field has one of `#[weight]`, `#[option]`, `#[inner]` and `#[cache]`";
        errors.push(second.span(), message);
    }
    let attribute = roles.into_iter().next()?;
    let (mut weight, mut option, mut inner) =
        (Weight::default(), Setting::default(), Inner::default());
    let (before, is) = (errors.count(), |role| attribute.path().is_ident(role));
    if is("weight") {
        of_field(&attribute, "#[weight]", &WEIGHT, errors, |key, input| {
            match key {
                "shape" => {
                    input.parse::<Token![=]>()?;
                    let (span, (sizes, slip)) = (input.span(), sizes(input)?);
                    weight.shape = Some((span, sizes));
                    return slip.map_or(Ok(()), Err);
                }
                "init" => {
                    let (name, slip) = initial(input)?;
                    weight.init = Some(name);
                    return slip.map_or(Ok(()), Err);
                }
                "fill" => weight.fill = Some(value(input)?),
                "trainable" => weight.trainable = Some(value::<LitBool>(input)?.value),
                "regularizer" => weight.regularizer = Some(value::<LitBool>(input)?.value),
                "keys" => weight.keys = Some(value::<LitBool>(input)?.value),
                "name" => weight.name = Some(value(input)?),
                "key" => weight.key = Some(value(input)?),
                _ => weight.when = Some(value(input)?),
            }
            Ok(())
        });
        weight.told = errors.count() > before;
        return Some(Role::Weight(weight));
    }
    if is("option") {
        of_field(
            &attribute,
            "#[option]",
            &["default", "key", "range", "call"],
            errors,
            |key, input| {
                match key {
                    "default" => option.default = Some(value(input)?),
                    "key" => option.key = Some(value(input)?),
                    "call" => option.call = true,
                    _ => option.range = Some(value(input)?),
                }
                Ok(())
            },
        );
        option.told = errors.count() > before;
        return Some(Role::Option(option));
    }
    if is("inner") {
        of_field(&attribute, "#[inner]", &["by_hand", "flat", "options"], errors, |key, _| {
            *match key {
                "by_hand" => &mut inner.by_hand,
                "flat" => &mut inner.flat,
                _ => &mut inner.options,
            } = true;
            Ok(())
        });
        return Some(Role::Inner(inner));
    }
    Some(Role::Cache)
}

/// `= glorot_uniform`; as a string or with parentheses, it is told and taken for what it says.
fn initial(input: ParseStream) -> syn::Result<(Ident, Option<syn::Error>)> {
    if input.parse::<Option<Token![:]>>()?.is_none() {
        input.parse::<Token![=]>()?;
    }
    if !input.peek(LitStr) {
        let path = input.call(Path::parse_mod_style).map_err(|error| {
            syn::Error::new(error.span(), "an initializer is a name: write `init = zeros`")
        })?;
        let name = path.segments.last().map(|last| last.ident.clone());
        let name = name.ok_or_else(|| input.error("an initializer has a name"))?;
        if !input.peek(Paren) {
            return Ok((name, None));
        }
        let arguments: TokenTree = input.parse()?;
        let known = initializer::constant(&name).is_ok();
        let message = match known {
            true => format!("an initializer stands by its name alone: write `init = {name}`"),
            false => {
                format!("`{name}` has no arguments here: `fill = ..` names a function of your own")
            }
        };
        let name = if known { name } else { Ident::new("zeros", name.span()) };
        return Ok((name, Some(syn::Error::new(arguments.span(), message))));
    }
    let text: LitStr = input.parse()?;
    let message =
        format!("an initializer is named without quotes: write `init = {}`", text.value());
    let error = syn::Error::new(text.span(), message);
    Ok((text.parse().map_err(|_| error.clone())?, Some(error)))
}

/// The arguments of an attribute of a field, which may have none.
fn of_field(
    attribute: &Attribute,
    place: &str,
    known: &[&str],
    errors: &mut Errors,
    each: impl FnMut(&str, ParseStream) -> syn::Result<()>,
) {
    let Meta::List(all) = &attribute.meta else { return };
    let mut each = each;
    let parsed =
        all.parse_args_with(|input: ParseStream| arguments(input, place, known, errors, &mut each));
    if let Err(error) = parsed {
        errors.add(error);
    }
}
