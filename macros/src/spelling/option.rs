//! Keras's keyword arguments that are parameters of the type here, written as options: `#[with(return_sequences = true)]`.

use proc_macro2::Ident;
use syn::{Expr, GenericArgument, Generics, PathArguments, Type};

use super::{
    arguments::{Argument, arguments, is_ours},
    rewrite,
    table::{Class, Kind, Parameter, known},
};
use crate::signal::last_name;

/// What is said of such an option of a layer, or of the layer within it.
pub(crate) fn parameter(
    ty: &Type,
    key: &Ident,
    value: &Expr,
    generics: &Generics,
) -> Option<String> {
    let Type::Path(path) = ty else { return None };
    let layer = known(&last_name(&path.path)).filter(|_| is_ours(&path.path))?;
    let segment = path.path.segments.last()?;
    let name = key.to_string();
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
    match given.get_mut(place) {
        Some(there) => *there = argument,
        None => given.push(argument),
    }
    let line = rewrite::line(layer, &given).text;
    Some(format!("`{name}` is a parameter of the type here: write `{line}`"))
}

/// Whether Keras calls a parameter so.
fn is_called(parameter: &Parameter, key: &str) -> bool {
    match key {
        "units" | "filters" | "features" => parameter.what == key,
        "input_dim" => matches!(parameter.what, "vocabulary size" | "features"),
        "output_dim" => parameter.what == "vector size",
        "kernel_size" | "pool_size" => parameter.what == "window size",
        "strides" => parameter.what == "stride",
        "dilation_rate" => parameter.what == "dilation",
        "rate" => parameter.kind == Kind::Percent,
        "activation" => parameter.kind == Kind::Type(Class::Activation),
        "padding" => {
            [Class::Padding, Class::ImagePadding].map(Kind::Type).contains(&parameter.kind)
        }
        "return_sequences" => parameter.kind == Kind::Type(Class::Returns),
        "reset_after" => parameter.kind == Kind::Type(Class::ResetGate),
        "merge_mode" => parameter.kind == Kind::Type(Class::MergeMode),
        "mask_zero" => parameter.kind == Kind::Type(Class::MaskIds),
        "use_bias" => parameter.kind == Kind::Type(Class::UseBias),
        "target_shape" => parameter.kind == Kind::Type(Class::Shape),
        _ => false,
    }
}
