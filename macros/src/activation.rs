//! Keras's activations, as options of a layer.

use proc_macro2::{Ident, Span};

use crate::names::unknown;

/// Their names, and for some a second one. In capitals they are the constants of `ActivationFunction`.
const ACTIVATIONS: [(&str, &str); 29] = [
    ("celu", ""),
    ("elu", ""),
    ("exponential", ""),
    ("gelu", ""),
    ("hard_shrink", ""),
    ("hard_sigmoid", ""),
    ("hard_silu", "hard_swish"),
    ("hard_tanh", ""),
    ("keras_2_hard_sigmoid", ""),
    ("leaky_relu", ""),
    ("linear", ""),
    ("log_sigmoid", ""),
    ("log_softmax", ""),
    ("mish", ""),
    ("relu", ""),
    ("relu6", ""),
    ("selu", ""),
    ("sigmoid", ""),
    ("silu", "swish"),
    ("soft_shrink", ""),
    ("softmax", ""),
    ("softplus", ""),
    ("softsign", ""),
    ("sparse_plus", ""),
    ("sparse_sigmoid", ""),
    ("sparsemax", ""),
    ("squareplus", ""),
    ("tanh", ""),
    ("tanh_shrink", ""),
];

/// The constant for a name, `hard_sigmoid` or `HardSigmoid`; else what is wrong.
pub(crate) fn constant(name: &Ident) -> Result<Ident, String> {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let given = name.to_string();
    let is = |known: &str| plain(known) == plain(&given);
    match ACTIVATIONS.iter().find(|(known, other)| is(known) || is(other)) {
        Some((known, _)) => Ok(Ident::new(&known.to_uppercase(), Span::call_site())),
        None => {
            let known = ACTIVATIONS.map(|(name, _)| name);
            Err(unknown("activation", &given, &known, "kerata::config::ActivationFunction"))
        }
    }
}
