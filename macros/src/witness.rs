//! One instance of a struct with generic parameters, at which its wiring is evaluated.
//!
//! A constant in a type may not depend on generic parameters, so `Checked<{ .. }>` cannot name the check of such a
//! struct. But the check is a constant of an `impl`: the compiler looks at its body once, for all parameters, and where that
//! fails, its value is an error at each instance. So any instance will do.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    AssocType, GenericArgument, GenericParam, Generics, Ident, PathArguments, PathSegment, Type,
    TypeParamBound, WherePredicate,
};

use crate::signal::last_name;

/// The generic arguments of an instance, `<1, f32, Cpu>`; `None` if none can be named for the bounds.
pub(crate) fn arguments(generics: &Generics) -> Option<TokenStream> {
    let mut known: Vec<(&Ident, TokenStream)> = Vec::new();
    for parameter in &generics.params {
        let (name, value) = match parameter {
            GenericParam::Lifetime(_) => return None,
            GenericParam::Const(parameter) => (&parameter.ident, constant(&parameter.ty)?),
            GenericParam::Type(parameter) => {
                let value = layer_or_number(&bounds(generics, &parameter.ident)?)?;
                (&parameter.ident, value)
            }
        };
        known.push((name, value));
    }
    let only_parameters = |predicate: &WherePredicate| match predicate {
        WherePredicate::Type(bound) => {
            bound.lifetimes.is_none() && known.iter().any(|(name, _)| is(&bound.bounded_ty, name))
        }
        _ => false,
    };
    let clause = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    if !clause.into_iter().all(only_parameters) {
        return None;
    }
    // A signal that a layer takes may have the other parameters in it.
    let values = known.iter().map(|(_, value)| substituted(value.clone(), &known));
    Some(quote!(<#(#values),*>))
}

fn is(ty: &Type, name: &Ident) -> bool {
    matches!(ty, Type::Path(path) if path.path.is_ident(name))
}

fn constant(ty: &Type) -> Option<TokenStream> {
    let Type::Path(path) = ty else { return None };
    match last_name(&path.path).as_str() {
        "usize" | "u8" | "u16" | "u32" | "u64" | "u128" => Some(quote!(1)),
        "isize" | "i8" | "i16" | "i32" | "i64" | "i128" => Some(quote!(1)),
        "bool" => Some(quote!(false)),
        _ => None,
    }
}

/// The last segments of all bounds of a type parameter.
fn bounds<'a>(generics: &'a Generics, name: &Ident) -> Option<Vec<&'a PathSegment>> {
    let inline = generics.type_params().filter(|parameter| parameter.ident == *name);
    let inline = inline.flat_map(|parameter| &parameter.bounds);
    let clause = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    let clause = clause.filter_map(|predicate| match predicate {
        WherePredicate::Type(bound) if is(&bound.bounded_ty, name) => Some(&bound.bounds),
        _ => None,
    });
    let bounds = inline.chain(clause.flatten()).filter_map(|bound| match bound {
        TypeParamBound::Lifetime(_) => None,
        TypeParamBound::Trait(bound) => Some(bound.path.segments.last()),
        _ => Some(None),
    });
    bounds.collect()
}

fn layer_or_number(bounds: &[&PathSegment]) -> Option<TokenStream> {
    let has = |name: &str| bounds.iter().find(|bound| bound.ident == name);
    let all =
        |names: &[&str]| bounds.iter().all(|bound| names.iter().any(|name| bound.ident == name));
    if has("Element").is_some() && all(&["Element", "Clone", "Copy", "Debug", "Default"]) {
        return Some(quote!(f32));
    }
    if has("Backend").is_some() && all(&["Backend", "Clone", "Debug", "Default"]) {
        return Some(quote!(::kerata::Cpu));
    }
    let layer =
        has("Layer").filter(|_| all(&["Layer", "Build", "Parameters", "Clone", "Debug"]))?;
    let PathArguments::AngleBracketed(arguments) = &layer.arguments else { return None };
    let input = arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty.to_token_stream()),
        _ => None,
    })?;
    let output = arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(AssocType { ident, ty, .. }) if ident == "Out" => {
            Some(ty.to_token_stream())
        }
        _ => None,
    });
    let output = output.unwrap_or_else(|| input.clone());
    Some(quote!(::kerata::model::NoLayer<#input, #output>))
}

fn substituted(tokens: TokenStream, known: &[(&Ident, TokenStream)]) -> TokenStream {
    let one = |token| match token {
        TokenTree::Ident(name) => match known.iter().find(|(other, _)| **other == name) {
            Some((_, value)) => value.clone(),
            None => TokenTree::Ident(name).into(),
        },
        TokenTree::Group(group) => {
            let inner = substituted(group.stream(), known);
            TokenTree::Group(Group::new(group.delimiter(), inner)).into()
        }
        other => other.into(),
    };
    tokens.into_iter().flat_map(|token| -> TokenStream { one(token) }).collect()
}
