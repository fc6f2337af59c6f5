//! A layer, and everything that is wrong with it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    BinOp, Expr, GenericArgument, Generics, Ident, ItemStruct, Member, PathArguments, PathSegment,
    Type, TypeParamBound, ext::IdentExt, parse_quote, spanned::Spanned,
};

use super::{
    options,
    parse::{self, Arguments, Role},
    weight::weight,
};
use crate::{errors::Errors, signal::last_name};

/// A struct under `#[layer(..)]`.
pub(crate) struct Layer {
    /// The struct without our attributes.
    pub(crate) item: ItemStruct,
    pub(crate) arguments: Arguments,
    pub(crate) fields: Vec<Field>,
    /// Of what its parameters are. `None`: it has none, and is a layer for every element and device.
    pub(crate) types: Option<(Type, Type)>,
    /// With errors, what is made of the layer only serves to keep the compiler silent about it.
    pub(crate) errors: Errors,
}

/// One field.
pub(crate) struct Field {
    pub(crate) member: Member,
    pub(crate) ty: Type,
    pub(crate) kind: Kind,
}

#[allow(clippy::large_enum_variant)]
pub(crate) enum Kind {
    Weight(Weight),
    Option {
        key: String,
        default: Expr,
        range: Option<Expr>,
        /// Whether Keras takes it as an argument of the call.
        call: bool,
    },
    Inner {
        flat: bool,
        /// Whether its options are those of the layer around it.
        options: bool,
        layer: Type,
    },
    /// What is made by `Default`: a cache, or a `PhantomData`.
    Default,
    /// A `CarriedStates`, made the same way and shown to visitors.
    Carried,
}

/// A parameter.
pub(crate) struct Weight {
    pub(crate) given: parse::Weight,
    pub(crate) sizes: Vec<Expr>,
    /// Whether tensors of other sizes have the same type.
    pub(crate) open: bool,
    /// The constant of `Initializer`.
    pub(crate) init: Ident,
    pub(crate) trainable: bool,
    pub(crate) key: String,
    pub(crate) when: When,
}

/// Whether a layer has a weight.
#[derive(Default)]
pub(crate) struct When {
    /// What the type must say.
    pub(crate) constant: Option<Expr>,
    /// What an option must say.
    pub(crate) option: Option<Flag>,
}

/// An option that is true or false.
#[derive(Clone)]
pub(crate) struct Flag {
    pub(crate) member: Member,
    pub(crate) key: String,
    pub(crate) default: Expr,
}

impl Layer {
    pub(crate) fn new(mut arguments: Arguments, mut item: ItemStruct) -> Self {
        let mut errors = std::mem::take(&mut arguments.errors);
        let mut fields = Vec::new();
        for (i, field) in item.fields.iter_mut().enumerate() {
            let role = parse::role(&mut field.attrs, &mut errors);
            if role.is_none() && is_to_be_said(&field.ty) {
                // It may have been meant as a role, and is told as that.
                field.attrs.retain(parse::is_of_rust);
            }
            let member = field.ident.clone().map_or_else(|| Member::from(i), Member::from);
            let kind = kind(&member, &field.ty, role, &mut errors);
            fields.push(Field { member, ty: field.ty.clone(), kind });
        }
        of_options(&mut fields);
        let sizes = item.generics.const_params().count() + item.generics.type_params().count();
        if arguments.infer && sizes == 0 {
            let message =
                "`infer` is for a size that `_` stands for: write `struct Name<const F: usize>`";
            errors.push(item.ident.span(), message);
        }
        two_of_one_name(&fields, &mut errors);
        options_of_two(&fields, &mut errors);
        let types = types(&arguments, &item.generics, &fields);
        Self { item, arguments, fields, types, errors }
    }

    pub(crate) fn weights(&self) -> impl Iterator<Item = (&Field, &Weight)> + Clone {
        self.fields.iter().filter_map(|field| match &field.kind {
            Kind::Weight(weight) => Some((field, weight)),
            _ => None,
        })
    }

    /// The layer within whose options are those of this one.
    pub(crate) fn has_options_of(&self) -> Option<(&Field, &Type)> {
        self.fields.iter().find_map(|field| match &field.kind {
            Kind::Inner { options: true, layer, .. } => Some((field, layer)),
            _ => None,
        })
    }

    /// The layers within, by the type of their field and their own.
    pub(crate) fn inner(&self) -> impl Iterator<Item = (&Type, &Type)> + Clone {
        self.fields.iter().filter_map(|field| match &field.kind {
            Kind::Inner { layer, .. } => Some((&field.ty, layer)),
            _ => None,
        })
    }
}

/// Tells of weights that a file could not tell apart.
fn two_of_one_name(fields: &[Field], errors: &mut Errors) {
    let weights = fields.iter().filter_map(|field| match &field.kind {
        Kind::Weight(weight) => {
            Some((field, weight.when.constant.is_some() || weight.when.option.is_some()))
        }
        _ => None,
    });
    for (i, (field, sometimes)) in weights.clone().enumerate() {
        let mut before = weights.clone().take(i);
        if before.any(|(other, other_sometimes)| {
            other.text() == field.text() && !(sometimes && other_sometimes)
        }) {
            let message = format!(
                "two weights are called `{}`: give one another `name`, or each a `when`",
                field.text()
            );
            errors.push(field.member.span(), message);
        }
    }
}

/// Tells of a layer that is to have the options of the one within, and has some of its own.
fn options_of_two(fields: &[Field], errors: &mut Errors) {
    let within = |field: &&Field| matches!(field.kind, Kind::Inner { options: true, .. });
    let own = |field: &&Field| matches!(field.kind, Kind::Weight(_) | Kind::Option { .. });
    let mut inner = fields.iter().filter(within);
    let Some(first) = inner.next() else { return };
    if let Some(other) = inner.next().or_else(|| fields.iter().find(own)) {
        let message = format!(
            "`#[inner(options)]` on `{}` says that all options are those of the layer within",
            text(&first.member)
        );
        errors.push(other.member.span(), message);
    }
}

impl Field {
    /// The name that configs and weights have for it.
    pub(crate) fn text(&self) -> String {
        match &self.kind {
            Kind::Weight(Weight { given: parse::Weight { name: Some(name), .. }, .. }) => {
                name.value()
            }
            _ => text(&self.member),
        }
    }
}

pub(super) fn text(member: &Member) -> String {
    match member {
        Member::Named(name) => name.unraw().to_string(),
        Member::Unnamed(index) => index.index.to_string(),
    }
}

/// The last segment of a type, if it is named.
pub(super) fn last(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// The generic arguments of a type of this name, or of one that begins so.
pub(super) fn generic(ty: &Type, name: &str) -> Option<Vec<GenericArgument>> {
    let segment = last(ty).filter(|last| last.ident.to_string().starts_with(name))?;
    match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => Some(arguments.args.iter().cloned().collect()),
        _ => None,
    }
}

/// Whether a field needs an attribute.
fn is_to_be_said(ty: &Type) -> bool {
    last(ty).is_none_or(|last| last.ident != "PhantomData")
}

fn kind(member: &Member, ty: &Type, role: Option<Role>, errors: &mut Errors) -> Kind {
    let name = text(member);
    match role {
        Some(Role::Weight(given)) => Kind::Weight(weight(member, ty, given, errors)),
        Some(Role::Option(option)) => {
            options::check(&name, ty, &option, errors);
            let default = option.default.unwrap_or_else(|| {
                let message = format!("say what `{name}` is by itself: `#[option(default = ..)]`");
                if !option.told {
                    errors.push(member.span(), message);
                }
                parse_quote!(::core::default::Default::default())
            });
            let key = option.key.map_or(name, |key| key.value());
            let range = option.range.filter(|range| !options::is_no_range(range));
            Kind::Option { key, default, range, call: option.call }
        }
        Some(Role::Inner(inner)) => {
            let layer = match generic(ty, "Inner").as_deref() {
                Some([GenericArgument::Type(layer)]) => Some(layer.clone()),
                _ => None,
            };
            if !inner.by_hand && layer.is_none() {
                let name = last(ty).map(|last| last.ident.to_string()).unwrap_or_default();
                let dots =
                    last(ty).filter(|last| !last.arguments.is_empty()).map_or("", |_| "<..>");
                let message = format!(
                    "write `Inner<{name}{dots}>`: a layer within a layer then takes part in the training pass"
                );
                errors.push(ty.span(), message);
            }
            let layer = layer.unwrap_or_else(|| ty.clone());
            Kind::Inner { flat: inner.flat, options: inner.options, layer }
        }
        Some(Role::Cache) if last(ty).is_some_and(|last| last.ident == "CarriedStates") => {
            Kind::Carried
        }
        Some(Role::Cache) => Kind::Default,
        None => {
            if is_to_be_said(ty) {
                let message = format!(
                    "say what `{name}` is: `#[weight(..)]`, `#[option(..)]`, `#[inner]` (a layer) or `#[cache]`"
                );
                errors.push(member.span(), message);
            }
            Kind::Default
        }
    }
}

/// `when = use_bias` and `when = use_bias && CONSTANT` name an option, if there is one of this name.
fn of_options(fields: &mut [Field]) {
    let flag = |field: &Field| match &field.kind {
        Kind::Option { key, default, .. } => {
            let (member, key, default) = (field.member.clone(), key.clone(), default.clone());
            Some(Flag { member, key, default })
        }
        _ => None,
    };
    let flags: Vec<Flag> = fields.iter().filter_map(flag).collect();
    let named = |when: &Expr| {
        let Expr::Path(path) = when else { return None };
        let member = Member::from(path.path.get_ident()?.clone());
        flags.iter().find(|flag| flag.member == member).cloned()
    };
    for field in fields {
        let Kind::Weight(Weight { when, .. }) = &mut field.kind else { continue };
        let (option, constant) = match when.constant.take() {
            Some(Expr::Binary(both)) if matches!(both.op, BinOp::And(_)) => {
                match named(&both.left) {
                    Some(flag) => (Some(flag), Some(*both.right)),
                    None => (None, Some(Expr::Binary(both))),
                }
            }
            Some(one) => match named(&one) {
                Some(flag) => (Some(flag), None),
                None => (None, Some(one)),
            },
            None => (None, None),
        };
        *when = When { constant, option };
    }
}

/// The element and the device: as the arguments say, those of the first weight, or parameters of the struct; else `f32` on
/// the CPU.
fn types(arguments: &Arguments, generics: &Generics, fields: &[Field]) -> Option<(Type, Type)> {
    let of_weight = |at: usize| {
        let weight = fields.iter().find(|field| matches!(field.kind, Kind::Weight(_)))?;
        match generic(&weight.ty, "Tensor")?.into_iter().nth(at)? {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        }
    };
    let parameter = |bound: &str| {
        let names = |of: &TypeParamBound| matches!(of, TypeParamBound::Trait(of) if last_name(&of.path) == bound);
        let parameter = generics.type_params().find(|ty| ty.bounds.iter().any(names))?;
        let name = &parameter.ident;
        Some(parse_quote!(#name))
    };
    let of = |at, bound| of_weight(at).or_else(|| parameter(bound));
    let element = arguments.element.clone().or_else(|| of(1, "Element"));
    let device = arguments.device.clone().or_else(|| of(2, "Backend"));
    let settled = fields.iter().any(|field| match field.kind {
        Kind::Weight(_) => true,
        // Those that are parameters of the struct settle it themselves.
        Kind::Inner { .. } => generics.type_params().next().is_none(),
        _ => false,
    });
    if element.is_none() && device.is_none() && !settled {
        return None;
    }
    let or = |ty: Option<Type>, other: TokenStream| ty.unwrap_or_else(|| parse_quote!(#other));
    Some((or(element, quote!(f32)), or(device, quote!(::kerata::Cpu))))
}
