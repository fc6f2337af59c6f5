//! Keras's initializers.

use proc_macro2::{Ident, Span};

use crate::names::unknown;

/// The names of those that need no arguments, and the constants of `Initializer` for them. The first ones have a function in `init::named`.
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

/// Those with arguments by Keras's name, and an example of how such are written here.
const WITH_ARGUMENTS: [(&str, &str); 5] = [
    ("RandomNormal", "Normal { mean: 0.0, std: 0.05, cut: false }"),
    ("TruncatedNormal", "Normal { mean: 0.0, std: 0.05, cut: true }"),
    ("RandomUniform", "Uniform(-0.05, 0.05)"),
    ("Constant", "Constant(0.5)"),
    ("Orthogonal", "Orthogonal(1.0)"),
];

/// How one that has arguments is written.
pub(crate) fn with_arguments(name: &Ident) -> Option<String> {
    let (_, ours) = WITH_ARGUMENTS.iter().find(|(keras, _)| name == keras)?;
    Some(format!("kerata::config::Initializer::{ours}"))
}

/// The constant for a name, `he_normal` or `HeNormal`; else what is wrong.
pub(crate) fn constant(name: &Ident) -> Result<Ident, String> {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let given = name.to_string();
    match INITIALIZERS.iter().find(|(known, _)| plain(known) == plain(&given)) {
        Some((_, constant)) => Ok(Ident::new(constant, Span::call_site())),
        None => {
            let known = INITIALIZERS.map(|(name, _)| name);
            Err(unknown("initializer", &given, &known, "kerata::config::Initializer"))
        }
    }
}

/// The function in `init::named` for a constant, if it has one.
pub(crate) fn function(constant: &Ident) -> Option<Ident> {
    let named = &INITIALIZERS[..5];
    let (name, _) = named.iter().find(|(_, known)| constant == known)?;
    Some(Ident::new(name, Span::call_site()))
}
