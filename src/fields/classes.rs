//! What is known of Keras's classes and functions by their names.

use kerata_format::{FUNCTIONAL, table::activation};

/// Where Keras keeps a class of its own.
pub(crate) fn module(class: &str) -> &'static str {
    match class {
        "Sequential" => "keras",
        FUNCTIONAL => "keras.src.models.functional",
        "CustomScaleLayer" => "keras.src.applications.inception_resnet_v2",
        "LayerScale" | "StochasticDepth" => "keras.src.applications.convnext",
        _ => "keras.layers",
    }
}

/// Whether Keras says the name of a class of its own a second time: it does where it is not one of its public classes.
pub(crate) fn is_registered(class: &str) -> bool {
    module(class).starts_with("keras.src.")
}

/// Whether Keras says what a layer of the class was built for. It does not where there is nothing to build.
pub(crate) fn has_build_config(class: &str) -> bool {
    let at_once =
        ["Activation", FUNCTIONAL, "Identity", "InputLayer", "Masking", "ReLU", "Softmax"];
    let all = ["Dropout", "Pooling", "Random"];
    !at_once.contains(&class) && !all.iter().any(|part| class.contains(part))
}

/// Whether Keras's layer has the argument `trainable`.
pub(crate) fn may_be_frozen(class: &str) -> bool {
    !class.starts_with("SpatialDropout") && class != "Discretization"
}

/// Whether a layer of the class is one of those that prepare images.
fn changes_images(class: &str) -> bool {
    let others =
        ["AugMix", "CenterCrop", "CutMix", "MixUp", "RandAugment", "Resizing", "Solarization"];
    class.starts_with("Random") || others.contains(&class)
}

/// Whether a call of a layer of the class says `training` where nobody did, and with what value.
pub(crate) fn says_training(class: &str) -> Option<bool> {
    match class {
        "SpectralNormalization" => Some(false),
        _ => changes_images(class).then_some(true),
    }
}

/// Whether a layer of the class takes states to begin with beside its sequence.
pub(crate) fn starts_from_states(class: &str) -> bool {
    ["Bidirectional", "GRU", "LSTM", "SimpleRNN"].contains(&class)
}

/// Whether an activation is one of Keras's own.
pub(crate) fn is_activation(name: &str) -> bool {
    let further = ["glu", "threshold"];
    name != "keras_2_hard_sigmoid" && activation(name).is_some() || further.contains(&name)
}
