//! What is written of the parameters of a generic struct, and the compiler would tell of everything that is made of it.

use kerata_format::table::{Class, Kind, Known};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{GenericParam, Generics, Ident, Type, TypeParam};

use super::{Refused, Spelling, argument_tokens, arguments::Argument};

impl Spelling<'_> {
    /// A parameter of the struct that nothing is said of, in place of a layer.
    pub(super) fn unbounded(&self, ty: &Type, of: &TypeParam) -> Option<Refused> {
        let name = unbounded(self.generics, &of.ident)?;
        let problem = format!(
            "nothing says that `{name}` is a layer: write, with the signals that it takes and gives,\n\
            `where {name}: Layer<(Batch, Const<8>), Out = (Batch, Const<8>)> + Build + Parameters + Debug`",
        );
        Some(Refused::new(ty.to_token_stream(), problem, ty.to_token_stream()))
    }

    /// A parameter of the struct that nothing is said of, in place of the activation of a layer.
    pub(super) fn activation(&self, ty: &Type, layer: &Known) -> Option<Refused> {
        let is_activation = |kind: Kind| kind == Kind::Type(Class::Activation);
        let place = layer.parameters.iter().position(|of| is_activation(of.kind))?;
        let given = argument_tokens(ty, place)?;
        let name = unbounded(self.generics, &syn::parse2(given.clone()).ok()?)?;
        // All layers that have it are one mistake.
        let at = if self.told.replace(true) { TokenStream::new() } else { given };
        let problem = format!(
            "nothing says that `{name}` is an activation: write `struct ..<{name}: kerata::Activation>`"
        );
        Some(Refused::new(at, problem, TokenStream::new()))
    }

    /// A parameter of the struct in place of a size that is none.
    pub(super) fn no_size(&self, ty: &Type, layer: &Known, given: &[Argument]) -> Option<Refused> {
        let mut sizes = given.iter().zip(layer.parameters).filter(|(_, of)| of.kind.is_size());
        let (at, name) = sizes.find_map(|(argument, _)| {
            self.generics.params.iter().find_map(|of| match of {
                GenericParam::Const(of) if of.ident == argument.text => {
                    let is_size = matches!(&of.ty, Type::Path(ty) if ty.path.is_ident("usize"));
                    (!is_size).then(|| (of.ty.to_token_stream(), &of.ident))
                }
                GenericParam::Type(of) if of.ident == argument.text => {
                    Some((of.ident.to_token_stream(), &of.ident))
                }
                _ => None,
            })
        })?;
        let at = if self.told.replace(true) { TokenStream::new() } else { at };
        let problem = format!("`{name}` is a size: write `const {name}: usize`");
        Some(Refused::new(at, problem, ty.to_token_stream()))
    }

    /// A size that is calculated of a parameter, which stable Rust cannot.
    pub(super) fn calculated(&self, ty: &Type) -> Option<Refused> {
        let (at, problem) = calculated(self.generics, ty.to_token_stream())?;
        let at = if self.told.replace(true) { TokenStream::new() } else { at };
        Some(Refused::new(at, problem, of_one(ty.to_token_stream())))
    }

    /// The type with the parameters of the struct that are in another one.
    pub(super) fn with_parameters_of(&self, ty: &Type, instead: TokenStream) -> TokenStream {
        let written = ty.to_token_stream();
        let names = self.generics.type_params().map(|of| &of.ident);
        let lost = names.filter(|name| mentions(&written, name) && !mentions(&instead, name));
        let lost: Vec<&Ident> = lost.collect();
        if lost.is_empty() {
            return instead;
        }
        quote!(::kerata::model::NoLayer<#instead, (#(#lost,)*)>)
    }
}

/// The name, if it is that of a type parameter that nothing is said of.
fn unbounded<'a>(generics: &'a Generics, name: &Ident) -> Option<&'a Ident> {
    let of = generics.type_params().find(|of| of.ident == *name)?;
    (of.bounds.is_empty() && generics.where_clause.is_none()).then_some(&of.ident)
}

/// The first block in a type that calculates with a parameter of the struct, and what is said of it.
fn calculated(generics: &Generics, ty: TokenStream) -> Option<(TokenStream, String)> {
    ty.into_iter().find_map(|tree| {
        let TokenTree::Group(group) = tree else { return None };
        match group.delimiter() {
            Delimiter::Brace => {
                let problem = calculation(generics, &group.stream())?;
                Some((group.stream(), problem))
            }
            _ => calculated(generics, group.stream()),
        }
    })
}

/// What is said of an expression that calculates with a parameter of the struct.
pub(crate) fn calculation(generics: &Generics, size: &TokenStream) -> Option<String> {
    if size.clone().into_iter().count() < 2 {
        return None;
    }
    let name = generics.const_params().find(|of| mentions(size, &of.ident))?.ident.to_string();
    Some(format!(
        "the compiler cannot calculate with `{name}` here: give this size a parameter of its own,\n\
        `struct ..<const {name}: usize, const WIDTH: usize>`"
    ))
}

/// The first type parameter that no field has.
pub(crate) fn unused(generics: &Generics, fields: &TokenStream) -> Option<Ident> {
    let of = generics.type_params().find(|of| !mentions(fields, &of.ident))?;
    Some(of.ident.clone())
}

/// What is said of it.
pub(crate) fn of_no_layer(name: &Ident) -> String {
    format!(
        "no layer has the type `{name}` in it: leave it away; what a model takes is a shape, whose sizes may be\n\
        parameters, `#[model(input = (Batch, N))]` on a `struct ..<const N: usize>`"
    )
}

/// The type with 1 for each block.
fn of_one(ty: TokenStream) -> TokenStream {
    let one = |tree| match tree {
        TokenTree::Group(group) => {
            let inner = match group.delimiter() {
                Delimiter::Brace => quote!(1),
                _ => of_one(group.stream()),
            };
            Group::new(group.delimiter(), inner).into()
        }
        other => other,
    };
    ty.into_iter().map(one).collect()
}

/// Whether a name stands in these tokens: alone, and not as the end of a path.
pub(crate) fn mentions(tokens: &TokenStream, name: &Ident) -> bool {
    let mut colons = 0;
    tokens.clone().into_iter().any(|tree| {
        let in_path = colons >= 2;
        colons = if is_colon(&tree) { colons + 1 } else { 0 };
        match tree {
            TokenTree::Ident(ident) => ident == *name && !in_path,
            TokenTree::Group(group) => mentions(&group.stream(), name),
            _ => false,
        }
    })
}

fn is_colon(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Punct(of) if of.as_char() == ':')
}
