//! The layers, a row each. A test of `kerata-macros` holds them against the structs.

use super::{Class, Kind, Known, Parameter, Setting, parts::*};
use Setting::{
    ChannelsLast, Choice, Factor, False, Flag, Ignored, LastAxis, Null, Number, OwnFactor, Range,
};

/// A layer that is called so in Keras and here.
const fn plain(name: &'static str) -> Known {
    layer(name, name, &[], name)
}

/// A layer that Keras does not have.
const fn ours(
    name: &'static str,
    parameters: &'static [Parameter],
    example: &'static str,
) -> Known {
    layer("", name, parameters, example)
}

pub(super) const fn layer(
    class: &'static str,
    name: &'static str,
    parameters: &'static [Parameter],
    example: &'static str,
) -> Known {
    let (others, settings, rules) = (&[], &[], &[]);
    Known { class, name, parameters, example, others, settings, rules, destroys_masks: false }
}

impl Known {
    pub(super) const fn others(self, others: &'static [&'static str]) -> Self {
        Self { others, ..self }
    }

    const fn settings(self, settings: &'static [Setting]) -> Self {
        Self { settings, ..self }
    }

    const fn rules(self, rules: &'static [&'static str]) -> Self {
        Self { rules, ..self }
    }

    const fn unmasked(self) -> Self {
        Self { destroys_masks: true, ..self }
    }
}

pub(super) const LAYERS: &[Known] = &[
    layer(
        "Dense",
        "Dense",
        &[FEATURES, UNITS, ACTIVATION, ELEMENT, DEVICE],
        "Dense<_, 10, Softmax>",
    )
    .settings(&[BIAS])
    .rules(KERNEL_RULES),
    layer("Embedding", "Embedding", TABLE, "Embedding<10_000, 128, MaskZero>")
        .settings(&[Ignored(&["input_length"])])
        .rules(TABLE_RULES),
    ours(
        "PositionEmbedding",
        &[FEATURES, size("length of the longest sequence", "sequence_length"), ELEMENT, DEVICE],
        "PositionEmbedding<_, 100>",
    ),
    ours("EmbeddingBag", TABLE, "EmbeddingBag<10_000, 128, MaskZero>"),
    layer("LSTM", "Lstm", RECURRENT, "Lstm<_, 32, Sequences>")
        .settings(GATED)
        .rules(RECURRENT_RULES),
    layer(
        "GRU",
        "Gru",
        &[
            FEATURES,
            UNITS,
            RETURNS,
            of("reset gate", "reset_after", Class::ResetGate).or("ResetAfter"),
            ELEMENT,
            DEVICE,
        ],
        "Gru<_, 32, Sequences>",
    )
    .settings(GATED)
    .rules(RECURRENT_RULES),
    layer("SimpleRNN", "SimpleRnn", RECURRENT, "SimpleRnn<_, 32, Sequences>")
        .settings(&[TANH, STEPS])
        .rules(RECURRENT_RULES),
    layer("RNN", "Rnn", &[INSIDE, RETURNS, ELEMENT, DEVICE], "Rnn<MyCell<_, 32>, Sequences>"),
    ours("StackedRnn", &[INSIDE], "StackedRnn<(Lstm<_, 32, Sequences>, Lstm<32, 16>)>"),
    ours("ReturnState", &[INSIDE], "ReturnState<Lstm<_, 32>>"),
    ours("ToState", &[], "ToState"),
    layer(
        "Bidirectional",
        "Bidirectional",
        &[INSIDE, of("merge mode", "merge_mode", Class::MergeMode).or("Concat")],
        "Bidirectional<Lstm<_, 32>, Sum>",
    ),
    layer("Conv1D", "Conv1d", CONV_1D, "Conv1d<_, 32, 3, Relu, Same>")
        .settings(WINDOWS)
        .rules(KERNEL_RULES)
        .unmasked(),
    layer("Conv2D", "Conv2d", CONV_2D, "Conv2d<_, 32, 3, 3, Relu, Same>")
        .settings(WINDOWS)
        .rules(KERNEL_RULES)
        .unmasked(),
    layer("DepthwiseConv1D", "DepthwiseConv1d", DEPTHWISE_1D, "DepthwiseConv1d<_, 3, Relu, Same>")
        .settings(WINDOWS)
        .rules(DEPTHWISE_RULES)
        .unmasked(),
    layer(
        "DepthwiseConv2D",
        "DepthwiseConv2d",
        DEPTHWISE_2D,
        "DepthwiseConv2d<_, 3, 3, Relu, Same>",
    )
    .settings(WINDOWS)
    .rules(DEPTHWISE_RULES)
    .unmasked(),
    layer(
        "SeparableConv1D",
        "SeparableConv1d",
        SEPARABLE_1D,
        "SeparableConv1d<_, 32, 3, Relu, Same>",
    )
    .settings(WINDOWS)
    .rules(SEPARABLE_RULES)
    .unmasked(),
    layer(
        "SeparableConv2D",
        "SeparableConv2d",
        SEPARABLE_2D,
        "SeparableConv2d<_, 32, 3, 3, Relu, Same>",
    )
    .settings(WINDOWS)
    .rules(SEPARABLE_RULES)
    .unmasked(),
    layer(
        "Conv1DTranspose",
        "Conv1dTranspose",
        TRANSPOSED_1D,
        "Conv1dTranspose<_, 32, 3, Relu, Same, 2>",
    )
    .others(&["ConvTranspose1d"])
    .settings(&[ChannelsLast, Null("output_padding"), BIAS])
    .rules(WINDOW_RULES)
    .unmasked(),
    layer(
        "Conv2DTranspose",
        "Conv2dTranspose",
        TRANSPOSED_2D,
        "Conv2dTranspose<_, 32, 3, 3, Relu, Same, 2>",
    )
    .others(&["ConvTranspose2d"])
    .settings(&[ChannelsLast, Null("output_padding"), BIAS])
    .rules(WINDOW_RULES)
    .unmasked(),
    layer("MaxPooling1D", "MaxPool1d", WINDOW_1D, "MaxPool1d<2>")
        .others(&["MaxPooling1d", "MaxPool1D"])
        .settings(POOL)
        .unmasked(),
    layer("AveragePooling1D", "AvgPool1d", WINDOW_1D, "AvgPool1d<2>")
        .others(&["AveragePooling1d", "AvgPool1D"])
        .settings(POOL)
        .unmasked(),
    layer("MaxPooling2D", "MaxPool2d", WINDOW_2D, "MaxPool2d<2>")
        .others(&["MaxPooling2d", "MaxPool2D"])
        .settings(POOL)
        .unmasked(),
    layer("AveragePooling2D", "AvgPool2d", WINDOW_2D, "AvgPool2d<2>")
        .others(&["AveragePooling2d", "AvgPool2D"])
        .settings(POOL)
        .unmasked(),
    layer("BatchNormalization", "BatchNorm", NORM, "BatchNorm<_>")
        .others(&["BatchNorm1d", "BatchNorm2d"])
        .settings(&[
            LastAxis,
            Number("momentum", 0.99),
            False("synchronized"),
            False("renorm"),
            Ignored(&["renorm_clipping", "renorm_momentum"]),
            EPSILON,
            AFFINE,
        ])
        .rules(AFFINE_RULES),
    layer("LayerNormalization", "LayerNorm", NORM, "LayerNorm<_>")
        .settings(&[LastAxis, False("rms_scaling"), EPSILON, AFFINE])
        .rules(AFFINE_RULES),
    layer(
        "GroupNormalization",
        "GroupNorm",
        &[FEATURES, size("groups", "groups").usual(32), ELEMENT, DEVICE],
        "GroupNorm<_, 32>",
    )
    .settings(&[LastAxis, EPSILON, AFFINE])
    .rules(AFFINE_RULES),
    // What reaches it, and what leaves it, an arm of its own says.
    layer(
        "MultiHeadAttention",
        "MultiHeadAttention",
        &[
            FEATURES,
            size("number of heads", "num_heads"),
            size("size of a key", "key_dim"),
            size("size of a value", "value_dim").like(2),
            size("features of the output", "output_shape").like(0),
            size("features of the value", "").like(0),
            size("features of the key", "").like(5),
            ELEMENT,
            DEVICE,
        ],
        "MultiHeadAttention<_, 4, 32>",
    )
    .others(&["MultiheadAttention"])
    .rules(WINDOW_RULES),
    layer("Attention", "Attention", &[FEATURES, ELEMENT, DEVICE], "Attention<_>").settings(&[
        Flag("use_scale", false),
        Choice("score_mode", "", &[["dot", ""]]),
        Number("dropout", 0.0),
        Ignored(&["seed"]),
    ]),
    layer(
        "AdditiveAttention",
        "AdditiveAttention",
        &[FEATURES, ELEMENT, DEVICE],
        "AdditiveAttention<_>",
    )
    .settings(&[Flag("use_scale", true), Number("dropout", 0.0), Ignored(&["seed"])]),
    layer("RMSNormalization", "RmsNorm", NORM, "RmsNorm<_>")
        .settings(&[LastAxis, Number("epsilon", 1e-6)])
        .unmasked(),
    layer("UnitNormalization", "UnitNorm", &[], "UnitNorm").settings(&[LastAxis]),
    // A mean and a variance that are given are weights in no file.
    layer("Normalization", "Normalization", NORM, "Normalization<_>").settings(&[
        LastAxis,
        Null("mean"),
        Null("variance"),
        Flag("invert", false),
    ]),
    plain("Rescaling").settings(&[Number("scale", 1.0), Number("offset", 0.0)]),
    plain("RandomFlip").settings(&[Choice("mode", "FlipMode", FLIPS), IMAGES]),
    plain("RandomRotation").settings(&[Factor("factor"), FILLED, IMAGES]),
    plain("RandomZoom").settings(&[
        Factor("height_factor"),
        OwnFactor("width_factor"),
        FILLED,
        IMAGES,
    ]),
    plain("RandomTranslation").settings(&[
        Factor("height_factor"),
        Factor("width_factor"),
        FILLED,
        IMAGES,
    ]),
    plain("RandomBrightness").settings(&[
        Factor("factor"),
        Range("value_range", [0.0, 255.0]),
        IMAGES,
    ]),
    plain("RandomContrast").settings(&[
        Factor("factor"),
        Range("value_range", [0.0, 255.0]),
        IMAGES,
    ]),
    layer(
        "RandomCrop",
        "RandomCrop",
        &[size("height", "height"), size("width", "width")],
        "RandomCrop<24, 24>",
    )
    .settings(&[IMAGES]),
    layer("Dropout", "Dropout", RATE, "Dropout<50>").settings(&[Ignored(&["seed"])]),
    layer("SpatialDropout1D", "SpatialDropout1d", RATE, "SpatialDropout1d<50>")
        .settings(&[Ignored(&["seed", "data_format"])]),
    layer("SpatialDropout2D", "SpatialDropout2d", RATE, "SpatialDropout2d<50>")
        .settings(&[Ignored(&["seed"]), ChannelsLast]),
    layer("AlphaDropout", "AlphaDropout", RATE, "AlphaDropout<10>")
        .settings(&[Ignored(&["seed"]), Null("noise_shape")]),
    layer("GaussianDropout", "GaussianDropout", RATE, "GaussianDropout<20>")
        .settings(&[Ignored(&["seed"])]),
    plain("GaussianNoise").settings(&[Number("stddev", 0.0), Ignored(&["seed"])]),
    layer("Flatten", "Flatten", &[parameter("number of values", "", Kind::Features)], "Flatten<_>")
        .settings(&[ChannelsLast])
        .unmasked(),
    layer("Softmax", "SoftmaxAlong", &[size("axis", "axis")], "SoftmaxAlong<1>"),
    layer("PReLU", "PRelu", &[FEATURES, ELEMENT, DEVICE], "PRelu<_>"),
    ours(
        "PRelu1d",
        &[FEATURES, size("slopes along time", "").or("1"), ELEMENT, DEVICE],
        "PRelu1d<_>",
    ),
    ours(
        "PRelu2d",
        &[
            FEATURES,
            size("slopes along the height", "").or("1"),
            size("slopes along the width", "").or("1"),
            ELEMENT,
            DEVICE,
        ],
        "PRelu2d<_>",
    ),
    layer("Concatenate", "Concatenate", &[FEATURES], "Concatenate<_>").settings(&[LastAxis]),
    layer(
        "Reshape",
        "Reshape",
        &[of("shape", "target_shape", Class::Shape)],
        "Reshape<(Const<4>, Const<5>)>",
    )
    .unmasked(),
    layer(
        "Permute",
        "Permute",
        &[
            size("first axis", "dims"),
            size("second axis", "dims"),
            parameter("third axis", "dims", Kind::Count).or("0"),
        ],
        "Permute<2, 1>",
    )
    .unmasked(),
    layer("RepeatVector", "RepeatVector", &[size("number of times", "n")], "RepeatVector<10>")
        .unmasked(),
    layer("ZeroPadding1D", "ZeroPadding1d", &ends("padding", 1), "ZeroPadding1d<1>")
        .settings(&[ChannelsLast])
        .unmasked(),
    layer("ZeroPadding2D", "ZeroPadding2d", &sides("padding", 1), "ZeroPadding2d<1>")
        .settings(&[ChannelsLast])
        .unmasked(),
    layer("Cropping1D", "Cropping1d", &ends("cropping", 1), "Cropping1d<1>").unmasked(),
    layer("Cropping2D", "Cropping2d", &sides("cropping", 0), "Cropping2d<1>")
        .settings(&[ChannelsLast])
        .unmasked(),
    layer("UpSampling1D", "UpSampling1d", &[TIMES], "UpSampling1d<2>").unmasked(),
    layer(
        "UpSampling2D",
        "UpSampling2d",
        &[TIMES, size("times along the width", "size").along().like(0)],
        "UpSampling2d<2>",
    )
    .settings(&[Choice("interpolation", "ResizeInterpolation", RESIZES), ChannelsLast])
    .unmasked(),
    layer("TimeDistributed", "TimeDistributed", &[INSIDE], "TimeDistributed<Dense<_, 10>>"),
    ours("Shared", &[INSIDE], "Shared<Dense<_, 10>>"),
    layer("GlobalAveragePooling1D", "GlobalAveragePooling1d", &[], "GlobalAveragePooling1d")
        .others(&["GlobalAveragePool1d", "GlobalAvgPool1d"])
        .settings(GLOBAL_POOL),
    layer("GlobalAveragePooling2D", "GlobalAveragePooling2d", &[], "GlobalAveragePooling2d")
        .others(&["GlobalAveragePool2d", "GlobalAvgPool2d"])
        .settings(GLOBAL_POOL)
        .unmasked(),
    layer("GlobalMaxPooling1D", "GlobalMaxPooling1d", &[], "GlobalMaxPooling1d")
        .others(&["GlobalMaxPool1d"])
        .settings(GLOBAL_POOL)
        .unmasked(),
    layer("GlobalMaxPooling2D", "GlobalMaxPooling2d", &[], "GlobalMaxPooling2d")
        .others(&["GlobalMaxPool2d"])
        .settings(GLOBAL_POOL)
        .unmasked(),
    plain("Add"),
    plain("Subtract"),
    plain("Average"),
    plain("Multiply"),
    plain("Maximum"),
    plain("Minimum"),
    layer(
        "Dot",
        "Dot",
        &[size("axis", "axes"), size("axis of the second", "axes").like(0)],
        "Dot<1>",
    )
    .settings(&[Flag("normalize", false)]),
    plain("Identity"),
    plain("Masking").settings(&[Number("mask_value", 0.0)]),
    ours("Unmask", &[], "Unmask"),
    layer("ReLU", "ReluLayer", &[], "ReluLayer").settings(&[
        Number("max_value", f64::INFINITY),
        Number("negative_slope", 0.0),
        Number("threshold", 0.0),
    ]),
    layer("ELU", "EluLayer", &[], "EluLayer").settings(&[Number("alpha", 1.0)]),
    layer("LeakyReLU", "LeakyReluLayer", &[], "LeakyReluLayer")
        .settings(&[Number("negative_slope", 0.3)]),
];
