//! Keras's keyword arguments that are parameters of the type here, written as options: `#[with(return_sequences = true)]`.

use kerata_format::table::{Class, Kind, Known, Setting, known};
use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{Expr, GenericArgument, Generics, PathArguments, PathSegment, Type};

use super::{
    argument_tokens,
    arguments::{Argument, arguments, is_ours, text},
    refused::Refused,
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
    if let Some(message) = elsewhere(layer, &name, value, ty) {
        return Some(Belongs::Elsewhere(message));
    }
    let (mut given, argument) =
        (arguments(segment, generics), Argument::of_option(key, value, generics));
    let name = of_keras(layer, name);
    if let Some(message) = rewrite::misfit(layer, &name, &argument) {
        return Some(Belongs::Elsewhere(message));
    }
    if rewrite::put(layer, &mut given, &name, argument) {
        return Some(Belongs::InType(rewrite::line(layer, &given).text));
    }
    let (place, inner) = within(layer, segment)?;
    match self::parameter(inner, key, value, generics)? {
        Belongs::InType(line) => {
            *given.get_mut(place)? = Argument::new(&syn::parse_str(&line).ok()?, generics);
            Some(Belongs::InType(rewrite::line(layer, &given).text))
        }
        elsewhere => Some(elsewhere),
    }
}

/// A named argument of a type that is none of its parameters: `Gru<_, 16, use_bias = false>`.
pub(super) fn among_parameters(ty: &Type, layer: &Known, given: &[Argument]) -> Option<Refused> {
    let key = |argument: &Argument| {
        let key = argument.key.clone()?;
        (!rewrite::has(layer, &of_keras(layer, key.clone()))).then_some(key)
    };
    let (place, key_given) =
        given.iter().enumerate().find_map(|(place, argument)| Some((place, key(argument)?)))?;
    let others: Vec<Argument> = given.iter().filter(|of| key(of).is_none()).cloned().collect();
    let line = rewrite::line(layer, &others).text;
    let value = syn::parse_str(&given[place].text).ok()?;
    let written = syn::parse_str(&line).ok()?;
    let is_option = own_setting(layer, &key_given).is_some()
        || key_given == "trainable"
        || ["_initializer", "_regularizer", "_constraint"].iter().any(|of| key_given.ends_with(of));
    let (problem, line) = match elsewhere(layer, &key_given, &value, &written) {
        Some(problem) => (problem, None),
        None if is_option => {
            let option = format!("#[with({key_given} = {})]", given[place].text);
            let problem = format!(
                "`{key_given}` is an option, which stands in front of the field: write `{option}` and `{line}`"
            );
            (problem, None)
        }
        None => {
            let name = layer.name;
            (format!("`{name}` has neither a parameter nor an option `{key_given}`"), Some(line))
        }
    };
    let at = argument_tokens(ty, place).unwrap_or_else(|| ty.to_token_stream());
    Some(Refused { line, ..Refused::new(at, problem, TokenStream::new()) })
}

/// Keras's key for one of PyTorch.
fn of_keras(layer: &Known, key: String) -> String {
    let named = |wanted: &str| layer.parameters.iter().any(|parameter| parameter.key == wanted);
    let keras = match key.as_str() {
        "in_channels" | "in_features" | "input_size" => "features",
        "out_channels" => "filters",
        "out_features" | "hidden_size" => "units",
        "num_embeddings" => "input_dim",
        "embedding_dim" => "output_dim",
        "num_groups" => "groups",
        "stride" => "strides",
        "dilation" => "dilation_rate",
        "p" => "rate",
        _ => return key,
    };
    if keras == "features" || named(keras) { keras.to_owned() } else { key }
}

/// The layer within another, and at which place.
pub(super) fn within<'a>(layer: &Known, segment: &'a PathSegment) -> Option<(usize, &'a Type)> {
    let PathArguments::AngleBracketed(given) = &segment.arguments else { return None };
    let mut all = given.args.iter().zip(layer.parameters).enumerate();
    all.find_map(|(place, (argument, parameter))| match (argument, parameter.kind) {
        (GenericArgument::Type(inner), Kind::Type(Class::Layer)) => Some((place, inner)),
        _ => None,
    })
}

/// What the table says of an option of a layer, or of the one within it, that is no parameter.
pub(crate) fn setting(ty: &Type, key: &str) -> Option<Setting> {
    let Type::Path(path) = ty else { return None };
    let layer = known(&last_name(&path.path)).filter(|_| is_ours(&path.path))?;
    let inner = || setting(within(layer, path.path.segments.last()?)?.1, key);
    own_setting(layer, key).or_else(inner)
}

pub(super) fn own_setting(layer: &Known, key: &str) -> Option<Setting> {
    layer.settings.iter().find_map(|setting| called(setting, key))
}

/// What is to be set of a layer that does nothing without: the first of its factors, and none of them is among the keys.
pub(crate) fn factor_of(ty: &Type, keys: &[String]) -> Option<(&'static str, &'static str)> {
    let Type::Path(path) = ty else { return None };
    let layer = known(&last_name(&path.path)).filter(|_| is_ours(&path.path))?;
    let factors = layer.settings.iter().filter_map(|setting| match setting {
        Setting::Factor(key) | Setting::OwnFactor(key) => Some(*key),
        _ => None,
    });
    let factors: Vec<&str> = factors.collect();
    let is_set = factors.iter().any(|factor| keys.iter().any(|key| key == factor));
    factors.first().filter(|_| !is_set).map(|first| (layer.name, *first))
}

/// The first option of a layer that has a value of its own.
pub(super) fn first(layer: &Known) -> Option<&'static str> {
    layer.settings.iter().find_map(|setting| match setting {
        Setting::Number(key, _)
        | Setting::Choice(key, ..)
        | Setting::Factor(key)
        | Setting::Flag(key, _) => Some(*key),
        _ => None,
    })
}

/// The one of this key.
fn called(setting: &Setting, key: &str) -> Option<Setting> {
    let is = match setting {
        Setting::All(all) => return all.iter().find_map(|setting| called(setting, key)),
        Setting::Number(of, _)
        | Setting::Flag(of, _)
        | Setting::Function(of, _)
        | Setting::False(of)
        | Setting::Null(of)
        | Setting::Choice(of, ..)
        | Setting::Range(of, _)
        | Setting::Factor(of)
        | Setting::OwnFactor(of) => *of == key,
        Setting::Ignored(keys) => keys.contains(&key),
        Setting::LastAxis => key == "axis",
        Setting::ChannelsLast => key == "data_format",
    };
    is.then_some(*setting)
}

/// What Keras has as an argument of a layer, and is neither an option nor a parameter here.
fn elsewhere(layer: &Known, key: &str, value: &Expr, ty: &Type) -> Option<String> {
    let (name, of) = (layer.name, text(ty));
    let attends = name.ends_with("Attention");
    let recurrent = ["Lstm", "Gru", "SimpleRnn", "Rnn", "StackedRnn"].contains(&name);
    let message = match key {
        "return_state" if recurrent => {
            format!("`return_state` is a layer around this one here: write `ReturnState<{of}>`")
        }
        "initial_state" if recurrent => {
            "the state a layer begins with is its second input here: write `#[from(x, encoder.state)]`".into()
        }
        "backward_layer" if name == "Bidirectional" => {
            format!("both directions of `{of}` have a layer of one kind: leave `backward_layer` away")
        }
        "input_shape" | "batch_input_shape" | "batch_shape" | "shape" | "input_length" => {
            format!("what reaches the first layer is said once: write `#[model(input = ..)]`, and no `{key}`")
        }
        "dtype" => "the type of all numbers is said once: write `#[model(.., element = f64)]`".into(),
        "batch_first" => "the batch comes first here: leave `batch_first` away".into(),
        "bidirectional" if recurrent => {
            format!("both directions are a layer around this one here: write `Bidirectional<{of}>`")
        }
        "num_layers" if recurrent => {
            format!("several layers are several fields, all but the last with `Sequences`: leave `num_layers` away, as in `{of}`")
        }
        "bias" if own_setting(layer, "use_bias").is_some() => {
            "`bias` is called `use_bias`, as in Keras: write `use_bias = false`".into()
        }
        "eps" if own_setting(layer, "epsilon").is_some() => {
            format!("`eps` is called `epsilon`, as in Keras: write `epsilon = {}`", text(value))
        }
        "causal" | "is_causal" if attends => {
            format!("`{key}` is called `use_causal_mask`, as in Keras: write `use_causal_mask = {}`", text(value))
        }
        "attention_mask" | "attn_mask" | "mask" | "key_padding_mask" if attends => {
            format!("which steps are padding comes with the sequence, as from an `Embedding<.., MaskZero>`: leave `{key}` away; that no step sees a later one is `use_causal_mask = true`")
        }
        "weights" => {
            "weights are set behind `build`, by the fields of the layer: leave `weights` away".into()
        }
        "data_format" => {
            "channels come last here, `(Batch, Height, Width, Channels)`: leave `data_format` away".into()
        }
        "seed" => {
            format!("what is random in `{name}` follows the seed of the device, `Cpu::seed_from_u64(0)`: leave `seed` away")
        }
        _ => match own_setting(layer, key)? {
            Setting::LastAxis => {
                format!("`{name}` works along the last axis, Keras's default: leave `axis` away")
            }
            Setting::Null(_) | Setting::False(_) => {
                format!("`{name}` knows only Keras's default of `{key}`: leave it away")
            }
            Setting::Ignored(_) => {
                format!("`{key}` changes nothing in what a layer computes here: leave it away")
            }
            _ => return None,
        },
    };
    Some(message)
}
