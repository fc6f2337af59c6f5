//! The classes of Keras, by name.

/// Whether a class is one of Keras's own.
pub(super) fn is_built_in(class: &str) -> bool {
    BUILT_IN.contains(&class)
}

/// Where Keras keeps a class of its own.
pub(super) fn module(class: &str) -> &'static str {
    if class == "Sequential" { "keras" } else { "keras.layers" }
}

/// Whether Keras says what a layer of the class was built for. It does not where there is nothing to build.
pub(super) fn has_build_config(class: &str) -> bool {
    let at_once = ["Activation", "Dropout", "Identity", "Masking", "ReLU", "Softmax"];
    !at_once.contains(&class) && !class.contains("Pooling")
}

/// Whether an activation is one of Keras's own.
pub(super) fn is_activation(name: &str) -> bool {
    ACTIVATIONS.contains(&name)
}

const BUILT_IN: [&str; 36] = [
    "Activation",
    "Add",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "BatchNormalization",
    "Bidirectional",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GRU",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "Identity",
    "InputLayer",
    "LSTM",
    "LayerNormalization",
    "Masking",
    "MaxPooling1D",
    "MaxPooling2D",
    "Permute",
    "ReLU",
    "RepeatVector",
    "Reshape",
    "Sequential",
    "SimpleRNN",
    "Softmax",
    "Subtract",
    "TimeDistributed",
    "ZeroPadding2D",
];

const ACTIVATIONS: [&str; 31] = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
];
