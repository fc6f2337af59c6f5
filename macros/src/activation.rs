//! Keras's activations, as options of a layer.

use kerata_format::table::{ACTIVATIONS, Activation};
use proc_macro2::{Ident, Span};

use crate::names::unknown;

/// The constant for a name, `hard_sigmoid` or `HardSigmoid`; else what is wrong.
pub(crate) fn constant(name: &Ident) -> Result<Ident, String> {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let given = name.to_string();
    let is = |known: &str| plain(known) == plain(&given);
    let called = |one: &&Activation| is(one.keras) || one.others.iter().any(|other| is(other));
    match ACTIVATIONS.iter().find(called) {
        Some(known) => Ok(Ident::new(&known.keras.to_uppercase(), Span::call_site())),
        None => {
            let known = ACTIVATIONS.map(|one| one.keras);
            Err(unknown("activation", &given, &known, "kerata::config::ActivationFunction"))
        }
    }
}
