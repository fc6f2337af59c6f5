//! What is given in a place of which the layer has none, but another layer or an option has.

use kerata_format::table::{Class, Kind, Known, Parameter, known};
use proc_macro2::TokenStream;
use syn::{Generics, Ident, Type};

use super::{
    Refused, argument_tokens,
    arguments::{Argument, What, arguments},
    option, rewrite,
};
use crate::initializer;

/// What is said of the argument at `place`, and the line that was meant, if there is one.
pub(super) fn meant(
    layer: &Known,
    given: &[Argument],
    place: usize,
    at: &TokenStream,
    generics: &Generics,
) -> Option<Refused> {
    let (problem, line) = inside(layer, given, place, generics)
        .or_else(|| without_batch(layer, given))
        .or_else(|| swapped(layer, given, place))
        .or_else(|| padding(layer, given, place))
        .or_else(|| several(layer, given, place))
        .or_else(|| sources(layer, given))
        .or_else(|| setting(layer, given, place))?;
    Some(Refused { line, ..Refused::new(at.clone(), problem, TokenStream::new()) })
}

type Meant = (String, Option<String>);

/// `Bidirectional<Lstm<_, 32>, Sequences>`, and a stack that is no tuple.
fn inside(layer: &Known, given: &[Argument], place: usize, generics: &Generics) -> Option<Meant> {
    let (name, argument) = (layer.name, &given[place]);
    let outer = given.first().filter(|outer| matches!(outer.what, What::Layer))?;
    if name == "StackedRnn" && given.iter().all(|of| matches!(of.what, What::Layer)) {
        let texts: Vec<&str> = given.iter().map(|of| of.text.as_str()).collect();
        let line = format!("{name}<({})>", texts.join(", "));
        return Some(("the layers of a stack stand in parentheses".to_owned(), Some(line)));
    }
    if layer.parameters.first()?.kind != Kind::Type(Class::Layer) {
        return None;
    }
    let Type::Path(path) = syn::parse_str(&outer.text).ok()? else { return None };
    let segment = path.path.segments.last()?;
    let inner = known(&segment.ident.to_string())?;
    let mut within = arguments(segment, generics);
    if !argument.fits(inner.parameters.get(within.len())?) {
        return None;
    }
    within.push(argument.clone());
    let mut line = format!("{name}<{}", rewrite::line(inner, &within).text);
    for other in given.iter().enumerate().skip(1).filter(|(at, _)| *at != place) {
        line += &format!(", {}", other.1.text);
    }
    let problem = format!("`{}` is a parameter of the `{}` within", argument.text, inner.name);
    Some((problem, Some(line + ">")))
}

/// `Permute<0, 2, 1>`, as in PyTorch.
fn without_batch(layer: &Known, given: &[Argument]) -> Option<Meant> {
    let [Argument { what: What::Number(0), .. }, others @ ..] = given else { return None };
    if layer.name != "Permute" || others.is_empty() {
        return None;
    }
    let others: Vec<&str> = others.iter().map(|axis| axis.text.as_str()).collect();
    let problem = "the axes are counted from 1, behind that of the batch".to_owned();
    Some((problem, Some(format!("Permute<{}>", others.join(", ")))))
}

/// `Dense<32, _>`.
fn swapped(layer: &Known, given: &[Argument], place: usize) -> Option<Meant> {
    let hole = place == 1 && matches!(given[1].what, What::Hole);
    if !hole || layer.parameters.first()?.kind != Kind::Features {
        return None;
    }
    let mut given = given.to_vec();
    given.swap(0, 1);
    let all_fit = given.iter().zip(layer.parameters).all(|(of, parameter)| of.fits(parameter));
    let what = layer.parameters[1].what;
    let problem = format!("`_` is for what reaches a layer, and stands in front of the {what}");
    all_fit.then(|| (problem, Some(rewrite::line(layer, &given).text)))
}

/// PyTorch's `padding=1`.
fn padding(layer: &Known, given: &[Argument], place: usize) -> Option<Meant> {
    let kind = layer.parameters.get(place)?.kind;
    let is_padding = matches!(kind, Kind::Type(Class::Padding | Class::ImagePadding));
    let What::Number(zeros) = given[place].what else { return None };
    if !is_padding {
        return None;
    }
    let axes = layer.name.chars().find(char::is_ascii_digit).unwrap_or('2');
    let problem = format!(
        "the padding is `Valid` or `Same`; {zeros} at each side is a layer in front, `ZeroPadding{axes}d<{zeros}>`"
    );
    Some((problem, None))
}

/// PyTorch's `num_layers=2`, in place of the kind of output.
fn several(layer: &Known, given: &[Argument], place: usize) -> Option<Meant> {
    let is_output = layer.parameters.get(place)?.kind == Kind::Type(Class::Returns);
    let [features, units, _] = given else { return None };
    let What::Number(layers @ 2..=6) = given[place].what else { return None };
    if !is_output {
        return None;
    }
    let (name, units) = (layer.name, &units.text);
    let mut all = vec![format!("{name}<{units}, {units}, Sequences>"); layers];
    all[0] = format!("{name}<{}, {units}, Sequences>", features.text);
    all[layers - 1] = format!("{name}<{units}, {units}>");
    let problem = format!("{layers} layers are written one by one");
    Some((problem, Some(format!("StackedRnn<({})>", all.join(", ")))))
}

/// `Add<first, input>`.
fn sources(layer: &Known, given: &[Argument]) -> Option<Meant> {
    if !layer.parameters.is_empty() || !given.iter().all(|of| matches!(of.what, What::Small)) {
        return None;
    }
    let names: Vec<&str> = given.iter().map(|of| of.text.as_str()).collect();
    let problem = format!(
        "what a layer takes is named in front of it: write `#[from({})] name: {}`",
        names.join(", "),
        layer.name
    );
    Some((problem, None))
}

/// An initializer in a place where any type may stand.
pub(super) fn initial(ty: &Type, layer: &Known, given: &[Argument]) -> Option<Refused> {
    let written = given.iter().enumerate().filter(|(_, of)| matches!(of.what, What::Either));
    let (place, line) = written.filter_map(|(place, of)| Some((place, initialized(of)?))).next()?;
    let at = argument_tokens(ty, place).filter(|_| layer.has(Class::Element))?;
    let problem = is_option(&given[place].text, "kernel_initializer", &line);
    Some(Refused::new(at, problem, TokenStream::new()))
}

/// The value of an option that a name stands for, where a type is written.
fn initialized(argument: &Argument) -> Option<String> {
    let name: Ident = syn::parse_str(&argument.text).ok()?;
    let plain = initializer::constant(&name).ok().map(|_| name.to_string());
    plain.or_else(|| initializer::with_arguments(&name))
}

/// The layer that merges signals, in place of the mode that has another name.
pub(super) fn merge_mode(ty: &Type, layer: &Known, given: &[Argument]) -> Option<Refused> {
    let is_mode = |of: &Parameter| of.kind == Kind::Type(Class::MergeMode);
    let place = layer.parameters.iter().position(is_mode)?;
    let written = given.get(place)?;
    let mode = match written.text.as_str() {
        "Add" => "Sum",
        "Concatenate" => "Concat",
        _ => return None,
    };
    let mut texts: Vec<&str> = given.iter().map(|of| of.text.as_str()).collect();
    texts[place] = mode;
    let problem = format!("`{}` is a layer, and the merge mode is `{mode}`", written.text);
    let line = Some(format!("{}<{}>", layer.name, texts.join(", ")));
    let at = argument_tokens(ty, place)?;
    Some(Refused { line, ..Refused::new(at, problem, TokenStream::new()) })
}

/// An option that has no place among the parameters.
fn setting(layer: &Known, given: &[Argument], place: usize) -> Option<Meant> {
    let argument = &given[place];
    let text = &argument.text;
    let has_flags = |kind: Kind| matches!(kind, Kind::Type(class) if class.flags().is_some());
    let is_free = !layer.parameters.get(place).is_some_and(|of| has_flags(of.kind));
    let own = |key: &str| option::own_setting(layer, key).is_some();
    if argument.key.is_some() {
        return None;
    }
    match argument.what {
        What::Flag(_) if is_free && own("use_bias") => {
            Some((is_option(text, "use_bias", text), None))
        }
        What::Float(_) if own("epsilon") => Some((is_option(text, "epsilon", text), None)),
        What::Float(_) | What::Number(_) if layer.parameters.is_empty() => {
            let other = known(&format!("{}Layer", layer.name))?;
            let key = option::first(other)?;
            let problem = format!(
                "`{}` has no parameters: write `#[with({key} = {text})]` in front of a field `{}`",
                layer.name, other.name
            );
            Some((problem, None))
        }
        _ => None,
    }
}

fn is_option(text: &str, key: &str, value: &str) -> String {
    format!("`{text}` is an option: write `#[with({key} = {value})]` in front of the field")
}
