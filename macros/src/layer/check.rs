//! A layer, and everything that is wrong with it.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{
    Expr, GenericArgument, GenericParam, Generics, Ident, ItemStruct, Member, Path, PathArguments,
    Type, TypeParamBound, ext::IdentExt, parse_quote, spanned::Spanned,
};

use super::parse::{self, Arguments, Role};
use crate::{errors::Errors, names::nearest, signal::last_name};

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

pub(crate) enum Kind {
    Weight(Weight),
    Option {
        key: String,
        default: Expr,
        range: Option<Expr>,
    },
    Inner {
        flat: bool,
        layer: Type,
    },
    /// What is made anew with a layer.
    Default,
    Marker,
}

/// A parameter.
pub(crate) struct Weight {
    pub(crate) sizes: Vec<Expr>,
    /// Whether tensors of other sizes have the same type.
    pub(crate) open: bool,
    pub(crate) init: Init,
    pub(crate) fill: Option<Path>,
    pub(crate) trainable: bool,
    pub(crate) regularizer: bool,
    /// What it is called, if not as its field.
    pub(crate) name: Option<String>,
    pub(crate) key: String,
    pub(crate) when: Option<Expr>,
}

/// An initializer: a function of `init::named`, and what a config says.
#[derive(Clone)]
pub(crate) struct Init {
    pub(crate) name: Ident,
    pub(crate) constant: Ident,
}

impl Init {
    /// Whether it is one of the usual ones, which have a function each.
    pub(crate) fn is_plain(&self) -> bool {
        INITIALIZERS[..PLAIN].iter().any(|(name, _)| self.name == name)
    }
}

/// How many of the initializers have a function each in `init::named`.
const PLAIN: usize = 5;

/// Keras's initializers that need no arguments, and the constants of `Initializer` for them.
const INITIALIZERS: [(&str, &str); 10] = [
    ("zeros", "ZEROS"),
    ("ones", "ONES"),
    ("uniform", "EMBEDDINGS"),
    ("orthogonal", "ORTHOGONAL"),
    ("glorot_uniform", "GLOROT_UNIFORM"),
    ("glorot_normal", "GLOROT_NORMAL"),
    ("he_uniform", "HE_UNIFORM"),
    ("he_normal", "HE_NORMAL"),
    ("lecun_uniform", "LECUN_UNIFORM"),
    ("lecun_normal", "LECUN_NORMAL"),
];

impl Layer {
    pub(crate) fn new(mut arguments: Arguments, mut item: ItemStruct) -> Self {
        let mut errors = std::mem::take(&mut arguments.errors);
        let mut fields = Vec::new();
        for (i, field) in item.fields.iter_mut().enumerate() {
            let role = parse::role(&mut field.attrs, &mut errors);
            let member = field.ident.clone().map_or_else(|| Member::from(i), Member::from);
            let kind = kind(&member, &field.ty, role, &mut errors);
            fields.push(Field { member, ty: field.ty.clone(), kind });
        }
        let types = types(&arguments, &item.generics, &fields);
        Self { item, arguments, fields, types, errors }
    }

    pub(crate) fn weights(&self) -> impl Iterator<Item = (&Field, &Weight)> + Clone {
        self.fields.iter().filter_map(|field| match &field.kind {
            Kind::Weight(weight) => Some((field, weight)),
            _ => None,
        })
    }

    pub(crate) fn inner(&self) -> impl Iterator<Item = (&Field, &Type, bool)> + Clone {
        self.fields.iter().filter_map(|field| match &field.kind {
            Kind::Inner { layer, flat } => Some((field, layer, *flat)),
            _ => None,
        })
    }
}

impl Field {
    /// The name that configs and weights have for it.
    pub(crate) fn text(&self) -> String {
        match &self.kind {
            Kind::Weight(Weight { name: Some(name), .. }) => name.clone(),
            _ => text(&self.member),
        }
    }
}

fn text(member: &Member) -> String {
    match member {
        Member::Named(name) => name.unraw().to_string(),
        Member::Unnamed(index) => index.index.to_string(),
    }
}

/// The last segment of the type of a field.
fn type_name(ty: &Type) -> String {
    match ty {
        Type::Path(path) => last_name(&path.path),
        _ => String::new(),
    }
}

fn kind(member: &Member, ty: &Type, role: Option<Role>, errors: &mut Errors) -> Kind {
    let name = text(member);
    match role {
        Some(Role::Weight(weight)) => Kind::Weight(self::weight(member, ty, weight, errors)),
        Some(Role::Option(option)) => {
            let default = option.default.unwrap_or_else(|| {
                let message = format!("say what `{name}` is by itself: `#[option(default = ..)]`");
                errors.push(member.span(), message);
                parse_quote!(::core::default::Default::default())
            });
            let key = option.key.map_or(name, |key| key.value());
            Kind::Option { key, default, range: option.range }
        }
        Some(Role::Inner(inner)) => {
            let argument = argument(ty, 0).filter(|_| type_name(ty) == "Inner");
            if !inner.by_hand && argument.is_none() {
                let layer = type_name(ty);
                let message = format!(
                    "write `Inner<{layer}..>`: a layer within a layer then takes part in the training pass"
                );
                errors.push(
                    ty.span(),
                    message.replace("..>", if has_arguments(ty) { "<..>>" } else { ">" }),
                );
            }
            Kind::Inner { flat: inner.flat, layer: argument.unwrap_or_else(|| ty.clone()) }
        }
        Some(Role::Cache) => Kind::Default,
        None if type_name(ty) == "PhantomData" => Kind::Marker,
        None => {
            let message = format!(
                "say what `{name}` is: `#[weight(..)]`, `#[option(..)]`, `#[inner]` (a layer) or `#[cache]`"
            );
            errors.push(member.span(), message);
            Kind::Default
        }
    }
}

fn has_arguments(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|s| !s.arguments.is_empty()))
}

/// An argument of a generic type that is itself a type.
fn argument(ty: &Type, at: usize) -> Option<Type> {
    let Type::Path(path) = ty else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else {
        return None;
    };
    match arguments.args.iter().nth(at)? {
        GenericArgument::Type(ty) => Some(ty.clone()),
        _ => None,
    }
}

fn weight(member: &Member, ty: &Type, given: parse::Weight, errors: &mut Errors) -> Weight {
    let own = given.name.as_ref().map(|name| name.value());
    let name = own.clone().unwrap_or_else(|| text(member));
    let known = sizes_of(ty);
    let open = known.is_none();
    let sizes = match (known, given.shape) {
        (Some(sizes), None) => sizes,
        (None, Some((_, sizes))) => sizes,
        (Some(sizes), Some((span, written))) => {
            if quote!(#(#sizes)*).to_string() != quote!(#(#written)*).to_string() {
                let sizes = quote!((#(#sizes),*));
                errors.push(span, format!("the type of `{name}` has the shape {sizes}"));
            }
            sizes
        }
        (None, None) => {
            let message = format!(
                "the shape of `{name}` is not in its type: write `#[weight(shape = (I, 4 * O), ..)]`"
            );
            errors.push(ty.span(), message);
            Vec::new()
        }
    };
    let init = initializer(member, given.init, errors);
    let trainable = given.trainable.unwrap_or(true);
    Weight {
        sizes,
        open,
        init,
        fill: given.fill,
        trainable,
        regularizer: given.regularizer.unwrap_or(trainable),
        name: own,
        key: given.key.map_or(name, |key| key.value()),
        when: given.when,
    }
}

fn initializer(member: &Member, given: Option<Ident>, errors: &mut Errors) -> Init {
    let zeros = Init { name: format_ident!("zeros"), constant: format_ident!("ZEROS") };
    let Some(name) = given else {
        let message = format!(
            "say how `{}` is filled: `#[weight(init = glorot_uniform)]`, or `zeros`, or another initializer of Keras",
            text(member)
        );
        errors.push(member.span(), message);
        return zeros;
    };
    let known = INITIALIZERS.iter().find(|(known, _)| name == known);
    let Some((_, constant)) = known else {
        let known = INITIALIZERS.map(|(name, _)| name);
        let near = nearest(&name.to_string(), &known);
        let end = if near.is_empty() { "." } else { &near };
        let message = format!(
            "`{name}` is no initializer{end} There are {}; `fill = ..` names a function of your own",
            crate::names::listed(&known)
        );
        errors.push(name.span(), message);
        return zeros;
    };
    Init { constant: Ident::new(constant, Span::call_site()), name }
}

/// The sizes in `Tensor<Rank2<I, O>, ..>`, `Tensor<(Const<I>, Const<O>), ..>`.
fn sizes_of(ty: &Type) -> Option<Vec<Expr>> {
    let shape = argument(ty, 0)?;
    let expression = |argument: &GenericArgument| match argument {
        GenericArgument::Type(Type::Path(path)) if path.qself.is_none() => {
            let path = &path.path;
            Some(parse_quote!(#path))
        }
        GenericArgument::Const(size) => Some(size.clone()),
        _ => None,
    };
    let arguments = |ty: &Type, name: &str| {
        let Type::Path(path) = ty else { return None };
        let last =
            path.path.segments.last().filter(|last| last.ident.to_string().starts_with(name))?;
        match &last.arguments {
            PathArguments::AngleBracketed(all) => all.args.iter().map(expression).collect(),
            _ => None,
        }
    };
    match &shape {
        Type::Tuple(dims) => {
            let sizes: Option<Vec<Vec<Expr>>> =
                dims.elems.iter().map(|dim| arguments(dim, "Const")).collect();
            Some(sizes?.concat())
        }
        rank => arguments(rank, "Rank"),
    }
}

/// The element and the device: parameters of the struct, as the arguments say, or `f32` on the CPU.
fn types(arguments: &Arguments, generics: &Generics, fields: &[Field]) -> Option<(Type, Type)> {
    let parameter = |bound: &str| {
        generics.params.iter().find_map(|parameter| {
            let GenericParam::Type(ty) = parameter else { return None };
            let names = |of: &TypeParamBound| {
                matches!(of, TypeParamBound::Trait(of) if last_name(&of.path) == bound)
            };
            let ident = &ty.ident;
            ty.bounds.iter().any(names).then(|| parse_quote!(#ident))
        })
    };
    let element = arguments.element.clone().or_else(|| parameter("Element"));
    let device = arguments.device.clone().or_else(|| parameter("Backend"));
    let of_inner = generics.type_params().next().is_some();
    let settled = fields.iter().any(|field| match field.kind {
        Kind::Weight(_) => true,
        Kind::Inner { .. } => !of_inner,
        _ => false,
    });
    if element.is_none() && device.is_none() && !settled {
        return None;
    }
    let or = |ty: Option<Type>, other: TokenStream| ty.unwrap_or_else(|| parse_quote!(#other));
    Some((or(element, quote!(f32)), or(device, quote!(::kerata::Cpu))))
}
