//! What several rows of the table of layers have in common.

use super::{Class, Default, Kind, Parameter, Setting};
use Setting::{All, ChannelsLast, Choice, False, Flag, Function, Ignored, Number};

pub(super) const fn parameter(what: &'static str, key: &'static str, kind: Kind) -> Parameter {
    Parameter { what, key, kind, along: false, default: None, usual: None }
}

pub(super) const fn size(what: &'static str, key: &'static str) -> Parameter {
    parameter(what, key, Kind::Size)
}

pub(super) const fn of(what: &'static str, key: &'static str, class: Class) -> Parameter {
    parameter(what, key, Kind::Type(class))
}

impl Parameter {
    pub(super) const fn or(self, default: &'static str) -> Self {
        Self { default: Some(Default::Text(default)), ..self }
    }

    /// That of the parameter at a place, if nothing is written.
    pub(super) const fn like(self, place: usize) -> Self {
        Self { default: Some(Default::Like(place)), ..self }
    }

    pub(super) const fn along(self) -> Self {
        Self { along: true, ..self }
    }

    pub(super) const fn usual(self, usual: u64) -> Self {
        Self { usual: Some(usual), ..self }
    }
}

pub(super) const FEATURES: Parameter = parameter("features", "input_dim", Kind::Features);
pub(super) const UNITS: Parameter = size("units", "units");
pub(super) const FILTERS: Parameter = size("filters", "filters");
pub(super) const KERNEL: Parameter = size("window size", "kernel_size").along();
pub(super) const KERNEL_WIDTH: Parameter = size("width of the window", "kernel_size").along();
pub(super) const ACTIVATION: Parameter =
    of("activation", "activation", Class::Activation).or("Linear");
pub(super) const PADDING: Parameter = of("padding", "padding", Class::Padding).or("Valid");
pub(super) const IMAGE_PADDING: Parameter =
    of("padding, `Valid` or `Same`", "padding", Class::ImagePadding).or("Valid");
pub(super) const STRIDE: Parameter = size("stride", "strides").along();
pub(super) const DILATION: Parameter = size("dilation", "dilation_rate").along().or("1");
pub(super) const GROUPS: Parameter =
    of("groups, `Groups<4>`", "groups", Class::Grouping).or("OneGroup");
pub(super) const MULTIPLIER: Parameter =
    size("windows for each channel", "depth_multiplier").or("1");
pub(super) const RETURNS: Parameter =
    of("kind of output", "return_sequences", Class::Returns).or("LastState");
pub(super) const ELEMENT: Parameter = of("element", "", Class::Element).or("f32");
pub(super) const DEVICE: Parameter = of("device", "", Class::Device).or("Cpu");
pub(super) const INSIDE: Parameter = of("inner layer", "layer", Class::Layer);

/// How much in front of an axis and behind it.
pub(super) const fn ends(key: &'static str, usual: u64) -> [Parameter; 2] {
    [count("steps in front", key).usual(usual), count("steps behind", key).like(0)]
}

/// How much on each side of an image.
pub(super) const fn sides(key: &'static str, usual: u64) -> [Parameter; 4] {
    [
        count("rows", key).usual(usual),
        count("columns", key).like(0),
        count("rows below", key).like(0),
        count("columns on the right", key).like(1),
    ]
}

const fn count(what: &'static str, key: &'static str) -> Parameter {
    parameter(what, key, Kind::Count).along()
}

pub(super) const RATE: &[Parameter] = &[parameter("rate in percent", "rate", Kind::Percent)];
pub(super) const TIMES: Parameter = size("number of times", "size").along().usual(2);

pub(super) const CONV_1D: &[Parameter] = &[
    FEATURES,
    FILTERS,
    KERNEL,
    ACTIVATION,
    PADDING,
    STRIDE.or("1"),
    DILATION,
    GROUPS,
    ELEMENT,
    DEVICE,
];
pub(super) const CONV_2D: &[Parameter] = &[
    FEATURES,
    FILTERS,
    KERNEL,
    KERNEL_WIDTH.like(2),
    ACTIVATION,
    IMAGE_PADDING,
    STRIDE.or("1"),
    DILATION,
    GROUPS,
    ELEMENT,
    DEVICE,
];
pub(super) const DEPTHWISE_1D: &[Parameter] =
    &[FEATURES, KERNEL, ACTIVATION, PADDING, STRIDE.or("1"), DILATION, MULTIPLIER, ELEMENT, DEVICE];
pub(super) const DEPTHWISE_2D: &[Parameter] = &[
    FEATURES,
    KERNEL,
    KERNEL_WIDTH.like(1),
    ACTIVATION,
    IMAGE_PADDING,
    STRIDE.or("1"),
    DILATION,
    MULTIPLIER,
    ELEMENT,
    DEVICE,
];
pub(super) const SEPARABLE_1D: &[Parameter] = &[
    FEATURES,
    FILTERS,
    KERNEL,
    ACTIVATION,
    PADDING,
    STRIDE.or("1"),
    DILATION,
    MULTIPLIER,
    ELEMENT,
    DEVICE,
];
pub(super) const SEPARABLE_2D: &[Parameter] = &[
    FEATURES,
    FILTERS,
    KERNEL,
    KERNEL_WIDTH.like(2),
    ACTIVATION,
    IMAGE_PADDING,
    STRIDE.or("1"),
    DILATION,
    MULTIPLIER,
    ELEMENT,
    DEVICE,
];
pub(super) const TRANSPOSED_1D: &[Parameter] = &[
    FEATURES,
    FILTERS,
    KERNEL,
    ACTIVATION,
    IMAGE_PADDING,
    STRIDE.or("1"),
    DILATION,
    ELEMENT,
    DEVICE,
];
pub(super) const TRANSPOSED_2D: &[Parameter] = &[
    FEATURES,
    FILTERS,
    KERNEL,
    KERNEL_WIDTH.like(2),
    ACTIVATION,
    IMAGE_PADDING,
    STRIDE.or("1"),
    DILATION,
    ELEMENT,
    DEVICE,
];
pub(super) const WINDOW_1D: &[Parameter] =
    &[size("window size", "pool_size").along().usual(2), STRIDE.like(0), IMAGE_PADDING];
pub(super) const WINDOW_2D: &[Parameter] = &[
    size("window size", "pool_size").along().usual(2),
    size("width of the window", "pool_size").along().like(0),
    STRIDE.like(0),
    size("stride along the width", "strides").along().like(1),
    IMAGE_PADDING,
];
pub(super) const TABLE: &[Parameter] = &[
    size("vocabulary size", "input_dim"),
    size("vector size", "output_dim"),
    of("mask", "mask_zero", Class::MaskIds).or("NoMask"),
    ELEMENT,
    DEVICE,
];
pub(super) const RECURRENT: &[Parameter] = &[FEATURES, UNITS, RETURNS, ELEMENT, DEVICE];
pub(super) const NORM: &[Parameter] = &[FEATURES, ELEMENT, DEVICE];

pub(super) const BIAS: Setting = Flag("use_bias", true);
pub(super) const STEPS: Setting = All(&[
    Number("dropout", 0.0),
    Number("recurrent_dropout", 0.0),
    BIAS,
    Flag("go_backwards", false),
    Flag("zero_output_for_mask", false),
    Flag("stateful", false),
    Ignored(&["seed", "unroll", "implementation", "use_cudnn", "unit_forget_bias"]),
]);
pub(super) const TANH: Setting = Function("activation", "tanh");
pub(super) const GATED: &[Setting] = &[TANH, Function("recurrent_activation", "sigmoid"), STEPS];
pub(super) const EPSILON: Setting = Number("epsilon", 1e-3);
pub(super) const AFFINE: Setting = All(&[Flag("center", true), Flag("scale", true)]);
pub(super) const POOL: &[Setting] = &[ChannelsLast];
pub(super) const GLOBAL_POOL: &[Setting] = &[ChannelsLast, False("keepdims")];
pub(super) const IMAGES: Setting = All(&[ChannelsLast, Ignored(&["seed", "rng_type"])]);

pub(super) const FLIPS: &[[&str; 2]] = &[
    ["horizontal_and_vertical", "HorizontalAndVertical"],
    ["horizontal", "Horizontal"],
    ["vertical", "Vertical"],
];
pub(super) const RESIZES: &[[&str; 2]] = &[
    ["nearest", "Nearest"],
    ["bilinear", "Bilinear"],
    ["bicubic", "Bicubic"],
    ["lanczos3", "Lanczos3"],
    ["lanczos5", "Lanczos5"],
];
pub(super) const FILLS: &[[&str; 2]] =
    &[["reflect", "Reflect"], ["wrap", "Wrap"], ["constant", "Constant"], ["nearest", "Nearest"]];
/// What stands around an image that was moved.
pub(super) const FILLED: Setting = All(&[
    Choice("fill_mode", "FillMode", FILLS),
    Choice("interpolation", "Interpolation", &[["bilinear", "Bilinear"], ["nearest", "Nearest"]]),
    Number("fill_value", 0.0),
]);

pub(super) const KERNEL_RULES: &[&str] = &[
    "kernel_regularizer",
    "kernel_constraint",
    "bias_regularizer",
    "bias_constraint",
    "activity_regularizer",
];
pub(super) const WINDOW_RULES: &[&str] =
    &["kernel_regularizer", "kernel_constraint", "bias_regularizer", "bias_constraint"];
pub(super) const DEPTHWISE_RULES: &[&str] =
    &["depthwise_regularizer", "depthwise_constraint", "bias_regularizer", "bias_constraint"];
pub(super) const SEPARABLE_RULES: &[&str] = &[
    "depthwise_regularizer",
    "depthwise_constraint",
    "pointwise_regularizer",
    "pointwise_constraint",
    "bias_regularizer",
    "bias_constraint",
];
pub(super) const WINDOWS: &[Setting] = &[ChannelsLast, BIAS];
pub(super) const RECURRENT_RULES: &[&str] = &[
    "kernel_regularizer",
    "kernel_constraint",
    "recurrent_regularizer",
    "recurrent_constraint",
    "bias_regularizer",
    "bias_constraint",
    "activity_regularizer",
];
pub(super) const TABLE_RULES: &[&str] =
    &["embeddings_regularizer", "embeddings_constraint", "activity_regularizer"];
pub(super) const AFFINE_RULES: &[&str] =
    &["gamma_regularizer", "gamma_constraint", "beta_regularizer", "beta_constraint"];
