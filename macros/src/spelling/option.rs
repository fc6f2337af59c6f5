//! Keras's keyword arguments that are parameters of the type here, written as options: `#[with(return_sequences = true)]`.

use kerata_format::table::{Class, Kind, Parameter, known};
use proc_macro2::Ident;
use syn::{Expr, GenericArgument, Generics, PathArguments, Type};

use super::{
    arguments::{Argument, arguments, is_ours, text},
    rewrite,
};
use crate::signal::last_name;

/// Where such an option belongs.
pub(crate) enum Belongs {
    /// Into the type, which is then this one.
    InType(String),
    /// Elsewhere, as a message says.
    Elsewhere(String),
}

/// Where such an option of a layer belongs, or of the layer within it.
pub(crate) fn parameter(
    ty: &Type,
    key: &Ident,
    value: &Expr,
    generics: &Generics,
) -> Option<Belongs> {
    let Type::Path(path) = ty else { return None };
    let layer = known(&last_name(&path.path)).filter(|_| is_ours(&path.path))?;
    let segment = path.path.segments.last()?;
    let name = key.to_string();
    if let Some(message) = elsewhere(layer.name, &name, ty) {
        return Some(Belongs::Elsewhere(message));
    }
    let Some(place) = layer.parameters.iter().position(|parameter| is_called(parameter, &name))
    else {
        let PathArguments::AngleBracketed(given) = &segment.arguments else { return None };
        return given.args.iter().zip(layer.parameters).find_map(|(argument, parameter)| {
            match (argument, parameter.kind) {
                (GenericArgument::Type(inner), Kind::Type(Class::Layer)) => {
                    self::parameter(inner, key, value, generics)
                }
                _ => None,
            }
        });
    };
    let mut given = arguments(segment, generics);
    let argument = Argument::of_option(key, value, generics);
    // Those in front of it, which may be left away as long as nothing follows.
    while given.len() < place {
        let texts: Vec<String> = given.iter().map(|argument| argument.text.clone()).collect();
        let Some(text) = rewrite::default(&layer.parameters[given.len()], &texts) else { break };
        let Ok(default) = syn::parse_str(&text) else { break };
        given.push(Argument::new(&default, generics));
    }
    match given.get_mut(place) {
        Some(there) => *there = argument,
        None => given.push(argument),
    }
    Some(Belongs::InType(rewrite::line(layer, &given).text))
}

/// Whether Keras calls a parameter so.
fn is_called(parameter: &Parameter, key: &str) -> bool {
    match parameter.kind {
        Kind::Type(Class::Layer) => false,
        Kind::Features if key == "features" => true,
        _ => parameter.key == key,
    }
}

/// What Keras has as an argument of a layer, and is neither an option nor a parameter here.
fn elsewhere(layer: &str, key: &str, ty: &Type) -> Option<String> {
    let recurrent = ["Lstm", "Gru", "SimpleRnn", "Rnn", "StackedRnn"].contains(&layer);
    let of = text(ty);
    let message = match key {
        "return_state" if recurrent => {
            format!("`return_state` is a layer around this one here: write `ReturnState<{of}>`")
        }
        "initial_state" if recurrent => {
            "the state a layer begins with is its second input here: write `#[from(x, encoder.state)]`".into()
        }
        "input_shape" | "batch_input_shape" | "batch_shape" | "shape" | "input_length" => {
            format!("what reaches the first layer is said once: write `#[model(input = ..)]`, and no `{key}`")
        }
        "dtype" => "the type of all numbers is said once: write `#[model(.., element = f64)]`".into(),
        "axis" if layer == "Concatenate" => {
            "`Concatenate` joins the last axis, Keras's default: leave `axis` away".into()
        }
        _ => return None,
    };
    Some(message)
}
