//! Keras's classes by their names.

use super::{layers::LAYERS, of_class};

/// The classes that have no row among the layers, as no type is theirs.
const OTHERS: &[&str] = &[
    "Activation",
    "ActivityRegularization",
    "CategoryEncoding",
    "ConvLSTM1D",
    "ConvLSTM2D",
    "ConvLSTM3D",
    "Functional",
    "GroupQueryAttention",
    "InputLayer",
    "ReversibleEmbedding",
    "Sequential",
    "SpatialDropout3D",
    "SpectralNormalization",
];

/// Those of them at which Keras takes a mask off.
const UNMASKED: &[&str] = &[
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
    "AugMix",
    "AveragePooling3D",
    "CenterCrop",
    "Conv3D",
    "Conv3DTranspose",
    "Cropping3D",
    "CustomScaleLayer",
    "CutMix",
    "Discretization",
    "EinsumDense",
    "GlobalAveragePooling3D",
    "GlobalMaxPooling3D",
    "LayerScale",
    "MaxPooling3D",
    "MelSpectrogram",
    "MixUp",
    "RandAugment",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "Resizing",
    "STFTSpectrogram",
    "Solarization",
    "StochasticDepth",
    "UpSampling3D",
    "ZeroPadding3D",
];

/// Whether a class is one of Keras's own that `kerata` has, as a layer or as a model, with a type or without one.
pub fn is_class(class: &str) -> bool {
    of_class(class).is_some() || OTHERS.contains(&class) || UNMASKED.contains(&class)
}

/// Whether a layer of the class has no use for a mask: Keras then takes it off, with a warning.
pub fn destroys_masks(class: &str) -> bool {
    LAYERS.iter().any(|layer| layer.class == class && layer.destroys_masks)
        || UNMASKED.contains(&class)
}
