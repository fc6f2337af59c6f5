//! What the user wrote: the arguments of `#[layer]`, and the attributes of its fields.

use proc_macro2::{Span, TokenStream};
use syn::{
    Attribute, Expr, Ident, LitBool, LitStr, Meta, Path, Token, Type, parenthesized,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    spanned::Spanned,
};

use crate::{
    errors::Errors,
    names::{listed, nearest},
    parse::skip_to_comma,
    signal::Dim,
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
    /// What is evaluated at compile time, where the layer is built.
    pub(crate) check: Option<Expr>,
    /// The keys of the config.
    pub(crate) keys: Vec<Key>,
    pub(crate) element: Option<Type>,
    pub(crate) device: Option<Type>,
    pub(crate) errors: Errors,
}

/// The shape of the input: `(Batch, Length, I)`, or `(Batch, .., F)` for one of any rank.
pub(crate) struct Input {
    pub(crate) dims: Vec<Dim>,
    pub(crate) any_rank: bool,
}

/// One key of a config, or several.
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
    /// A layer within the layer.
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
    /// What it is called, if not as its field.
    pub(crate) name: Option<LitStr>,
    /// What Keras's keys begin with.
    pub(crate) key: Option<LitStr>,
    /// Whether the layer has this weight.
    pub(crate) when: Option<Expr>,
}

/// `#[option(default = 1e-3, key = "epsilon", range = 0.0..=1.0)]`.
#[derive(Default)]
pub(crate) struct Setting {
    pub(crate) default: Option<Expr>,
    pub(crate) key: Option<LitStr>,
    pub(crate) range: Option<Expr>,
}

/// `#[inner(by_hand, flat)]`.
#[derive(Default)]
pub(crate) struct Inner {
    /// The layer hands the training pass on in its own `call_mut`.
    pub(crate) by_hand: bool,
    /// Its parameters have no prefix.
    pub(crate) flat: bool,
}

impl Parse for Arguments {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let mut arguments = Self::default();
        let mut errors = Errors::default();
        each_argument(input, "#[layer]", &ARGUMENTS, &mut errors, |key, input| {
            match key {
                "infer" => arguments.infer = true,
                "keys" => {
                    let content;
                    parenthesized!(content in input);
                    let keys = Punctuated::<Key, Token![,]>::parse_terminated(&content)?;
                    arguments.keys.extend(keys);
                }
                "class" => arguments.class = Some(value(input)?),
                "input" => arguments.input = Some(value(input)?),
                "accepts" => arguments.accepts = Some(value(input)?),
                "check" => arguments.check = Some(value(input)?),
                "element" => arguments.element = Some(value(input)?),
                _ => arguments.device = Some(value(input)?),
            }
            Ok(())
        })?;
        arguments.errors = errors;
        Ok(arguments)
    }
}

const ARGUMENTS: [&str; 8] =
    ["class", "accepts", "input", "infer", "check", "keys", "element", "device"];

fn value<T: Parse>(input: ParseStream) -> syn::Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

/// Goes over `key`, `key = value` and `key(..)`, with a comma between them.
fn each_argument(
    input: ParseStream,
    place: &str,
    known: &[&str],
    errors: &mut Errors,
    mut argument: impl FnMut(&str, ParseStream) -> syn::Result<()>,
) -> syn::Result<()> {
    let mut given = Vec::new();
    let mut one = |input: ParseStream| {
        let key: Ident = input.parse()?;
        let name = key.to_string();
        if !known.contains(&name.as_str()) {
            let near = nearest(&name, known);
            let end = if near.is_empty() { "." } else { &near };
            let message =
                format!("`{key}` is no argument of `{place}`{end} There are {}", listed(known));
            return Err(syn::Error::new(key.span(), message));
        }
        if given.contains(&name) {
            return Err(syn::Error::new(key.span(), format!("`{key}` is given twice")));
        }
        argument(&name, input)?;
        given.push(name);
        Ok(())
    };
    while !input.is_empty() {
        if let Err(error) = one(input) {
            errors.add(error);
            skip_to_comma(input)?;
        }
        if !input.is_empty()
            && let Err(error) = input.parse::<Token![,]>()
        {
            errors.add(error);
            skip_to_comma(input)?;
        }
    }
    Ok(())
}

impl Parse for Input {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let content;
        parenthesized!(content in input);
        let mut shape = Self { dims: Vec::new(), any_rank: false };
        while !content.is_empty() {
            if content.peek(Token![..]) {
                content.parse::<Token![..]>()?;
                shape.any_rank = true;
            } else {
                shape.dims.push(content.parse()?);
            }
            if !content.is_empty() {
                content.parse::<Token![,]>()?;
            }
        }
        Ok(shape)
    }
}

impl Parse for Key {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let first: Ident = input.parse()?;
        let (name, method) = if input.peek(Token![:]) {
            input.parse::<Token![:]>()?;
            (Some(first), input.parse()?)
        } else if first == "weights" && !input.peek(syn::token::Paren) {
            return Ok(Self::Weights);
        } else {
            (None, first)
        };
        let content;
        parenthesized!(content in input);
        Ok(Self::Call { name, method, arguments: content.parse()? })
    }
}

const ROLES: [&str; 4] = ["weight", "option", "inner", "cache"];

/// What a field is for, by its attributes, which are taken away.
pub(crate) fn role(attributes: &mut Vec<Attribute>, errors: &mut Errors) -> Option<Role> {
    let ours = |attribute: &Attribute| ROLES.iter().any(|role| attribute.path().is_ident(role));
    let (roles, others): (Vec<_>, Vec<_>) = attributes.drain(..).partition(ours);
    *attributes = others;
    if let Some(second) = roles.get(1) {
        errors.push(
            second.span(),
            "a field has one of `#[weight]`, `#[option]`, `#[inner]` and `#[cache]`",
        );
    }
    let attribute = roles.into_iter().next()?;
    Some(if attribute.path().is_ident("weight") {
        let mut weight = Weight::default();
        arguments(&attribute, "#[weight]", &WEIGHT, errors, |key, input| {
            weight.argument(key, input)
        });
        Role::Weight(weight)
    } else if attribute.path().is_ident("option") {
        let mut option = Setting::default();
        arguments(&attribute, "#[option]", &OPTION, errors, |key, input| {
            match key {
                "default" => option.default = Some(value(input)?),
                "key" => option.key = Some(value(input)?),
                _ => option.range = Some(value(input)?),
            }
            Ok(())
        });
        Role::Option(option)
    } else if attribute.path().is_ident("inner") {
        let mut inner = Inner::default();
        arguments(&attribute, "#[inner]", &["by_hand", "flat"], errors, |key, _| {
            *(if key == "flat" { &mut inner.flat } else { &mut inner.by_hand }) = true;
            Ok(())
        });
        Role::Inner(inner)
    } else {
        Role::Cache
    })
}

const OPTION: [&str; 3] = ["default", "key", "range"];
const WEIGHT: [&str; 8] =
    ["shape", "init", "fill", "trainable", "regularizer", "name", "key", "when"];

impl Weight {
    fn argument(&mut self, key: &str, input: ParseStream) -> syn::Result<()> {
        match key {
            "shape" => {
                input.parse::<Token![=]>()?;
                let span = input.span();
                let content;
                parenthesized!(content in input);
                let sizes = Punctuated::<Expr, Token![,]>::parse_terminated(&content)?;
                self.shape = Some((span, sizes.into_iter().collect()));
            }
            "init" => self.init = Some(value(input)?),
            "fill" => self.fill = Some(value(input)?),
            "trainable" => self.trainable = Some(value::<LitBool>(input)?.value),
            "regularizer" => self.regularizer = Some(value::<LitBool>(input)?.value),
            "name" => self.name = Some(value(input)?),
            "key" => self.key = Some(value(input)?),
            _ => self.when = Some(value(input)?),
        }
        Ok(())
    }
}

/// The arguments of an attribute of a field, which may have none.
fn arguments(
    attribute: &Attribute,
    place: &str,
    known: &[&str],
    errors: &mut Errors,
    mut argument: impl FnMut(&str, ParseStream) -> syn::Result<()>,
) {
    let Meta::List(list) = &attribute.meta else { return };
    let parsed = list.parse_args_with(|input: ParseStream| {
        each_argument(input, place, known, errors, &mut argument)
    });
    if let Err(error) = parsed {
        errors.add(error);
    }
}
