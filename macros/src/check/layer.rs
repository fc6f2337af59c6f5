//! What is wrong with a layer by itself: its `_`, and what `#[with(..)]` says.

use kerata_format::table;
use quote::quote;
use syn::{
    Attribute, Expr, ExprLit, Generics, Ident, Lit, Path, Type, parse_quote, spanned::Spanned,
};

use super::value;
use crate::{
    activation,
    errors::Errors,
    infer, initializer,
    names::{camel, listed, nearest},
    parse::With,
    rules,
    signal::last_name,
    spelling::{self, Belongs, Refused, text},
};

/// An initializer or an activation is said by its name, and is a constant of a type.
fn named_value(key: &str, value: &mut Expr, errors: &mut Errors) {
    // One that is misspelt is told where the options of the layer are known, and its value not as well.
    let last = key.rsplit('_').next().unwrap_or(key);
    let is = |kind: &str| last == kind || !nearest(last, &[kind]).is_empty();
    let (what, constant, ty): (_, fn(&Ident) -> Result<Ident, String>, Path) = if is("initializer")
    {
        ("an initializer", initializer::constant, parse_quote!(::kerata::config::Initializer))
    } else if is("activation") {
        ("an activation", activation::constant, parse_quote!(::kerata::config::ActivationFunction))
    } else {
        return;
    };
    if is("initializer")
        && let Some(made) = initializer::with_values(value, &ty)
    {
        match made {
            Ok(made) => *value = made,
            Err(message) => errors.push(value.span(), message),
        }
        return;
    }
    match &*value {
        // As in Keras; what is known has one name more.
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
            let name = camel(&text.value());
            let message = match syn::parse_str(&name).map(|name| constant(&name)) {
                Ok(Err(message)) => message,
                Ok(Ok(_)) => format!("{what} is no string: write `{key} = {name}`"),
                Err(_) => format!("{what} is no string: write its name"),
            };
            errors.push(text.span(), message);
        }
        Expr::Path(path) => {
            let Some(name) = path.path.get_ident() else { return };
            match constant(name) {
                Ok(constant) => *value = parse_quote!(#ty::#constant),
                Err(message) => errors.push(name.span(), message),
            }
        }
        // `HeNormal()`, which has no arguments here.
        Expr::Call(call) => {
            let Expr::Path(path) = &*call.func else { return };
            let Some(name) = path.path.get_ident() else { return };
            if constant(name).is_ok() {
                let message = format!("{what} stands by its name alone: write `{key} = {name}`");
                errors.push(call.span(), message);
            }
        }
        _ => {}
    }
}

/// `True` and `False`, which are `true` and `false` here, and `None`, which is what nothing is.
fn of_python(key: &str, value: &Expr, errors: &mut Errors) -> bool {
    let Expr::Path(path) = value else { return false };
    let word = ["True", "False", "None"].into_iter().find(|word| path.path.is_ident(word));
    let message = match word {
        None => return false,
        Some("None") => format!("Python's `None`: leave `{key}` away"),
        Some(flag) => format!("Python's `{flag}`: write `{key} = {}`", flag.to_lowercase()),
    };
    errors.push(path.span(), message);
    true
}

/// What is said of an attribute that is none of a field.
pub(super) fn misplaced(attribute: &Attribute) -> Option<&'static str> {
    let is = |names: &[&str]| names.iter().any(|name| attribute.path().is_ident(name));
    if is(&["cfg"]) {
        return Some(
            "`#[cfg(..)]` cannot stand on a layer: put it on two structs, one for each case",
        );
    }
    if is(&["input", "inputs", "takes"]) {
        return Some(
            "what a field takes is named by `#[from(..)]`: write `#[from(a)]`, with a field above or `input`",
        );
    }
    if is(&["output", "outputs", "gives"]) {
        return Some(
            "what a model gives is named above it: write `outputs(a, b)` in `#[model(..)]`, with fields",
        );
    }
    if is(&["option", "options", "args", "kwargs", "config"]) {
        return Some(
            "the options of a layer stand in `#[with(..)]`: write `#[with(use_bias = false)]`",
        );
    }
    if is(&["frozen", "freeze", "trainable", "non_trainable"]) {
        return Some("a layer that is not trained says so in `#[with(trainable = false)]`");
    }
    None
}

pub(super) fn check_activity(ty: &Type, with: &mut With, errors: &mut Errors) {
    let name = short_name(ty);
    // The layers that Keras's `activity_regularizer` is of.
    let having = table::layers().filter(|layer| layer.rules.contains(&"activity_regularizer"));
    let mut having: Vec<&str> = having.map(|layer| layer.name).collect();
    having.sort_unstable();
    with.rules.retain(|(key, _)| {
        let refused = key == "activity_regularizer" && !having.contains(&name.as_str());
        if refused {
            let layers = having.join("`, `");
            let message = format!("`{name}` has no `activity_regularizer`: `{layers}` have one");
            errors.push(key.span(), message);
        }
        !refused
    });
}

/// Tells what is wrong with the options of a layer of type `ty`, together with what is wrong with the type.
pub(super) fn check_options(
    ty: &Type,
    refused: Option<&Refused>,
    generics: &Generics,
    with: &mut With,
    errors: &mut Errors,
) {
    let generic = !generics.params.is_empty();
    // Several make one line to copy.
    let (mut written, mut in_type): (Type, Vec<Ident>) = (ty.clone(), Vec::new());
    for (key, value) in &mut with.options {
        if let Some(places) = spelling::stack_within(ty) {
            let message = format!(
                "the options of a `StackedRnn` are those of its layers: set them behind `build`, `model.field{places}.layers.0.{key} = ..`"
            );
            errors.push(key.span(), message);
            continue;
        }
        match spelling::parameter(&written, key, value, generics) {
            Some(Belongs::Elsewhere(message)) => {
                errors.push(key.span(), message);
                continue;
            }
            Some(Belongs::InType(line)) => {
                written = syn::parse_str(&line).unwrap_or(written);
                in_type.push(key.clone());
                continue;
            }
            None => {}
        }
        if generic {
            let message = "in a struct with generic parameters, `#[with(..)]` has `name` and `trainable` only";
            errors.push(key.span(), message);
        }
        let name = key.to_string();
        if !of_python(&name, value, errors) && !value::plain(&written, &name, value, errors) {
            named_value(&name, value, errors);
        }
    }
    let keys: Vec<String> = in_type.iter().map(ToString::to_string).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    match (in_type.first(), refused) {
        (None, Some(refused)) => refused.tell(errors),
        (None, None) => {}
        (Some(first), refused) => {
            let line = spelling::text(&written);
            if !refused.is_some_and(|refused| refused.tell_with(&keys, &line, errors)) {
                errors.push(first.span(), in_type_of(&keys, &line));
            }
        }
    }
    for (key, value) in &with.rules {
        of_python(&key.to_string(), value, errors);
        if let Some((span, message)) = rules::mistake(&key.to_string(), value) {
            errors.push(span, message);
        }
    }
    for (key, _) in with.rules.iter().filter(|_| generic) {
        let message =
            "in a struct with generic parameters, `#[with(..)]` has `name` and `trainable` only";
        errors.push(key.span(), message);
    }
    if !errors.is_empty() {
        with.options.clear();
        with.rules.clear();
    }
}

/// Keras's layers of random images have no default of their factor, and one without it would do nothing.
pub(super) fn check_factor(ty: &Type, with: &With, errors: &mut Errors) {
    let keys: Vec<String> = with.options.iter().map(|(key, _)| key.to_string()).collect();
    if let Some((name, factor)) = spelling::factor_of(ty, &keys) {
        let message = format!(
            "`{name}` does nothing without a factor: write `#[with({factor} = kerata::Factor::of(0.2))]` in front of it"
        );
        errors.push(ty.span(), message);
    }
}

/// That options are parameters of the type, which is then this one.
fn in_type_of(keys: &[&str], line: &str) -> String {
    let names = listed(keys);
    let are = if keys.len() == 1 { "is a parameter" } else { "are parameters" };
    format!("{names} {are} of the type here: write `{line}`")
}

/// A layer as it is called in a message.
fn short_name(ty: &Type) -> String {
    match ty {
        Type::Path(path) => last_name(&path.path),
        other => text(other),
    }
}

pub(super) fn check_holes(ty: &mut Type, generic: bool, errors: &mut Errors) {
    if matches!(ty, Type::Infer(_)) {
        errors.push(ty.span(), "a whole layer cannot be inferred: only a size within it");
        *ty = parse_quote!(::kerata::Identity);
        return;
    }
    let holes = infer::holes(ty);
    let name = short_name(ty);
    if let Some(hole) = infer::holes(&infer::fill(ty, &quote!(0))).first() {
        let message = "`_` stands for a number of features, not for a size within a shape: write it out, as in `Const<4>`";
        errors.push(*hole, message);
        *ty = parse_quote!(::kerata::Identity);
        return;
    }
    if let (true, Some(hole)) = (generic, holes.first()) {
        let message = format!(
            "`_` cannot be inferred in a struct with generic parameters: write the number of features that reaches `{name}`"
        );
        errors.push(*hole, message);
    } else if let Some(second) = holes.get(1) {
        let message = format!("only one parameter of `{name}` can be inferred: write this one out");
        errors.push(*second, message);
    }
}
