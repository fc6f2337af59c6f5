//! What is known of Keras's classes and functions by their names.

use kerata_format::FUNCTIONAL;

/// The classes that this crate has, as layers or as models, with a type or without one.
const CLASSES: [&str; 88] = [
    "Activation",
    "ActivityRegularization",
    "Add",
    "AdditiveAttention",
    "AlphaDropout",
    "Attention",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "BatchNormalization",
    "Bidirectional",
    "CategoryEncoding",
    "CenterCrop",
    "Concatenate",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "ConvLSTM1D",
    "ConvLSTM2D",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Dot",
    "Dropout",
    "ELU",
    "EinsumDense",
    "Embedding",
    "Flatten",
    "Functional",
    "GRU",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "GroupNormalization",
    "Identity",
    "InputLayer",
    "LSTM",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "Maximum",
    "Minimum",
    "MultiHeadAttention",
    "Multiply",
    "Normalization",
    "PReLU",
    "Permute",
    "RMSNormalization",
    "RNN",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "RandomZoom",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Resizing",
    "SeparableConv1D",
    "SeparableConv2D",
    "Sequential",
    "SimpleRNN",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "Subtract",
    "TimeDistributed",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
];

/// Whether a class is one of Keras's own.
pub(crate) fn is_built_in(class: &str) -> bool {
    CLASSES.contains(&class)
}

/// Where Keras keeps a class of its own.
pub(crate) fn module(class: &str) -> &'static str {
    match class {
        "Sequential" => "keras",
        FUNCTIONAL => "keras.src.models.functional",
        _ => "keras.layers",
    }
}

/// Whether Keras says what a layer of the class was built for. It does not where there is nothing to build.
pub(crate) fn has_build_config(class: &str) -> bool {
    let at_once = [
        "Activation",
        "Dropout",
        FUNCTIONAL,
        "Identity",
        "InputLayer",
        "Masking",
        "ReLU",
        "Softmax",
    ];
    !at_once.contains(&class) && !class.contains("Pooling") && !class.starts_with("Random")
}

/// Whether a layer of the class is one of those that prepare images.
pub(crate) fn changes_images(class: &str) -> bool {
    class.starts_with("Random") || ["CenterCrop", "Resizing"].contains(&class)
}

/// Whether a layer of the class takes states to begin with beside its sequence.
pub(crate) fn starts_from_states(class: &str) -> bool {
    ["Bidirectional", "GRU", "LSTM", "SimpleRNN"].contains(&class)
}

/// Whether an activation is one of Keras's own.
pub(crate) fn is_activation(name: &str) -> bool {
    ACTIVATIONS.contains(&name)
}

const ACTIVATIONS: [&str; 32] = [
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
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
];
