//! Keras's activations.

use super::{Known, layers::layer};

/// An activation.
#[derive(Debug, Clone, Copy)]
pub struct Activation {
    /// Keras's name. In capitals it is a constant of `ActivationFunction`.
    pub keras: &'static str,
    /// The type; empty if it has none.
    pub name: &'static str,
    /// What else Keras calls it.
    pub others: &'static [&'static str],
}

const fn of(
    keras: &'static str,
    name: &'static str,
    others: &'static [&'static str],
) -> Activation {
    Activation { keras, name, others }
}

/// All that can be calculated.
pub const ACTIVATIONS: [Activation; 29] = [
    of("celu", "Celu", &[]),
    of("elu", "Elu", &[]),
    of("exponential", "Exponential", &[]),
    of("gelu", "Gelu", &[]),
    of("hard_shrink", "HardShrink", &[]),
    of("hard_sigmoid", "HardSigmoid", &[]),
    of("hard_silu", "HardSilu", &["hard_swish"]),
    of("hard_tanh", "HardTanh", &[]),
    of("keras_2_hard_sigmoid", "Keras2HardSigmoid", &[]),
    of("leaky_relu", "LeakyRelu", &[]),
    of("linear", "Linear", &[]),
    of("log_sigmoid", "LogSigmoid", &[]),
    of("log_softmax", "", &[]),
    of("mish", "Mish", &[]),
    of("relu", "Relu", &[]),
    of("relu6", "Relu6", &[]),
    of("selu", "Selu", &[]),
    of("sigmoid", "Sigmoid", &[]),
    of("silu", "Silu", &["swish"]),
    of("soft_shrink", "SoftShrink", &[]),
    of("softmax", "Softmax", &[]),
    of("softplus", "Softplus", &[]),
    of("softsign", "Softsign", &[]),
    of("sparse_plus", "SparsePlus", &[]),
    of("sparse_sigmoid", "SparseSigmoid", &[]),
    of("sparsemax", "", &[]),
    of("squareplus", "Squareplus", &[]),
    of("tanh", "Tanh", &[]),
    of("tanh_shrink", "TanhShrink", &[]),
];

/// The activation that Keras calls so.
pub fn activation(keras: &str) -> Option<&'static Activation> {
    ACTIVATIONS.iter().find(|one| one.keras == keras || one.others.contains(&keras))
}

/// The activations as layers.
pub(super) static FUNCTIONS: [Known; ACTIVATIONS.len()] = {
    let mut all = [layer("", "", &[], ""); ACTIVATIONS.len()];
    let mut i = 0;
    while i < all.len() {
        let name = ACTIVATIONS[i].name;
        all[i] = layer("", name, &[], name);
        i += 1;
    }
    all
};
