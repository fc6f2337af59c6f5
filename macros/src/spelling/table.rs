//! The layers of the crate, as `#[model]` knows them. A test holds this table against the source of the layers.

/// A layer of the crate.
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) parameters: &'static [Parameter],
    /// A line to copy.
    pub(super) example: &'static str,
}

/// A parameter of a layer.
pub(super) struct Parameter {
    /// What it stands for, in the words of a message.
    pub(super) what: &'static str,
    pub(super) kind: Kind,
    /// What it is where nothing is written: a text, or the parameter at a place.
    pub(super) default: Option<Default>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// A size that `_` may stand for.
    Features,
    /// A size of at least 1.
    Size,
    /// A size that may be 0.
    Count,
    /// A size of at most 99.
    Percent,
    Type(Class),
}

/// What a parameter that is a type may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Class {
    Activation,
    Padding,
    ImagePadding,
    Returns,
    ResetGate,
    MergeMode,
    MaskIds,
    Grouping,
    Shape,
    Layer,
    Element,
    Device,
}

#[derive(Clone, Copy)]
pub(super) enum Default {
    Text(&'static str),
    Like(usize),
}

impl Kind {
    pub(super) fn is_size(self) -> bool {
        !matches!(self, Self::Type(_))
    }
}

impl Known {
    /// How many parameters must be written.
    pub(super) fn required(&self) -> usize {
        self.parameters.iter().filter(|parameter| parameter.default.is_none()).count()
    }
}

pub(super) fn known(name: &str) -> Option<&'static Known> {
    LAYERS.iter().find(|layer| layer.name == name)
}

/// The layer that has another name here than in Keras or PyTorch.
pub(super) fn called(name: &str) -> Option<&'static Known> {
    if known(name).is_some() {
        return None;
    }
    let small = name.replace('_', "").to_lowercase();
    let ours = ELSEWHERE.iter().find(|(other, _)| *other == small);
    ours.map_or_else(
        || LAYERS.iter().find(|layer| layer.name.to_lowercase() == small),
        |(_, ours)| known(ours),
    )
}

const fn parameter(what: &'static str, kind: Kind) -> Parameter {
    Parameter { what, kind, default: None }
}

const fn size(what: &'static str) -> Parameter {
    parameter(what, Kind::Size)
}

const fn or(what: &'static str, kind: Kind, default: &'static str) -> Parameter {
    Parameter { what, kind, default: Some(Default::Text(default)) }
}

/// A size that is that of the parameter at a place, if nothing is written.
const fn like(what: &'static str, kind: Kind, place: usize) -> Parameter {
    Parameter { what, kind, default: Some(Default::Like(place)) }
}

const FEATURES: Parameter = parameter("features", Kind::Features);
const ACTIVATION: Parameter = or("activation", Kind::Type(Class::Activation), "Linear");
const PADDING: Parameter = or("padding", Kind::Type(Class::Padding), "Valid");
const IMAGE_PADDING: Parameter =
    or("padding, `Valid` or `Same`", Kind::Type(Class::ImagePadding), "Valid");
const STRIDE: Parameter = or("stride", Kind::Size, "1");
const DILATION: Parameter = or("dilation", Kind::Size, "1");
const GROUPS: Parameter = or("groups, `Groups<4>`", Kind::Type(Class::Grouping), "OneGroup");
const MASK: Parameter = or("mask", Kind::Type(Class::MaskIds), "NoMask");
const RETURNS: Parameter = or("kind of output", Kind::Type(Class::Returns), "LastState");
const RESET: Parameter = or("reset gate", Kind::Type(Class::ResetGate), "ResetAfter");
const MERGE: Parameter = or("merge mode", Kind::Type(Class::MergeMode), "Concat");
const ELEMENT: Parameter = or("element", Kind::Type(Class::Element), "f32");
const DEVICE: Parameter = or("device", Kind::Type(Class::Device), "Cpu");
const INSIDE: Parameter = parameter("inner layer", Kind::Type(Class::Layer));

const fn layer(
    name: &'static str,
    parameters: &'static [Parameter],
    example: &'static str,
) -> Known {
    Known { name, parameters, example }
}

const fn plain(name: &'static str) -> Known {
    layer(name, &[], name)
}

const WINDOW_1D: &[Parameter] =
    &[size("window size"), like("stride", Kind::Size, 0), IMAGE_PADDING];
const WINDOW_2D: &[Parameter] = &[
    size("window size"),
    like("width of the window", Kind::Size, 0),
    like("stride", Kind::Size, 0),
    like("stride along the width", Kind::Size, 1),
    IMAGE_PADDING,
];
const TABLE: &[Parameter] = &[size("vocabulary size"), size("vector size"), MASK, ELEMENT, DEVICE];
const NORM: &[Parameter] = &[FEATURES, ELEMENT, DEVICE];

pub(super) const LAYERS: &[Known] = &[
    layer(
        "Dense",
        &[FEATURES, size("units"), ACTIVATION, ELEMENT, DEVICE],
        "Dense<_, 10, Softmax>",
    ),
    layer("Embedding", TABLE, "Embedding<10_000, 128, MaskZero>"),
    layer("EmbeddingBag", TABLE, "EmbeddingBag<10_000, 128, MaskZero>"),
    layer("Lstm", &[FEATURES, size("units"), RETURNS, ELEMENT, DEVICE], "Lstm<_, 32, Sequences>"),
    layer(
        "Gru",
        &[FEATURES, size("units"), RETURNS, RESET, ELEMENT, DEVICE],
        "Gru<_, 32, Sequences>",
    ),
    layer(
        "SimpleRnn",
        &[FEATURES, size("units"), RETURNS, ELEMENT, DEVICE],
        "SimpleRnn<_, 32, Sequences>",
    ),
    layer("Rnn", &[INSIDE, RETURNS, ELEMENT, DEVICE], "Rnn<MyCell<_, 32>, Sequences>"),
    layer("StackedRnn", &[INSIDE], "StackedRnn<(Lstm<_, 32, Sequences>, Lstm<32, 16>)>"),
    layer("ReturnState", &[INSIDE], "ReturnState<Lstm<_, 32>>"),
    plain("ToState"),
    layer("Bidirectional", &[INSIDE, MERGE], "Bidirectional<Lstm<_, 32>, Sum>"),
    layer(
        "Conv1d",
        &[
            FEATURES,
            size("filters"),
            size("window size"),
            ACTIVATION,
            PADDING,
            STRIDE,
            DILATION,
            GROUPS,
            ELEMENT,
            DEVICE,
        ],
        "Conv1d<_, 32, 3, Relu, Same>",
    ),
    layer(
        "Conv2d",
        &[
            FEATURES,
            size("filters"),
            size("window size"),
            like("width of the window", Kind::Size, 2),
            ACTIVATION,
            IMAGE_PADDING,
            STRIDE,
            DILATION,
            GROUPS,
            ELEMENT,
            DEVICE,
        ],
        "Conv2d<_, 32, 3, 3, Relu, Same>",
    ),
    layer("MaxPool1d", WINDOW_1D, "MaxPool1d<2>"),
    layer("AvgPool1d", WINDOW_1D, "AvgPool1d<2>"),
    layer("MaxPool2d", WINDOW_2D, "MaxPool2d<2>"),
    layer("AvgPool2d", WINDOW_2D, "AvgPool2d<2>"),
    layer("BatchNorm", NORM, "BatchNorm<_>"),
    layer("LayerNorm", NORM, "LayerNorm<_>"),
    layer("RmsNorm", NORM, "RmsNorm<_>"),
    layer("Normalization", NORM, "Normalization<_>"),
    plain("Rescaling"),
    plain("RandomFlip"),
    plain("RandomRotation"),
    plain("RandomZoom"),
    layer("RandomCrop", &[size("height"), size("width")], "RandomCrop<24, 24>"),
    layer("Dropout", &[parameter("rate in percent", Kind::Percent)], "Dropout<50>"),
    layer("Flatten", &[parameter("number of values", Kind::Features)], "Flatten<_>"),
    layer("SoftmaxAlong", &[size("axis")], "SoftmaxAlong<1>"),
    layer("PRelu", &[FEATURES, ELEMENT, DEVICE], "PRelu<_>"),
    layer(
        "PRelu1d",
        &[FEATURES, or("slopes along time", Kind::Size, "1"), ELEMENT, DEVICE],
        "PRelu1d<_>",
    ),
    layer(
        "PRelu2d",
        &[
            FEATURES,
            or("slopes along the height", Kind::Size, "1"),
            or("slopes along the width", Kind::Size, "1"),
            ELEMENT,
            DEVICE,
        ],
        "PRelu2d<_>",
    ),
    layer("Concatenate", &[FEATURES], "Concatenate<_>"),
    layer(
        "Reshape",
        &[parameter("shape", Kind::Type(Class::Shape))],
        "Reshape<(Const<4>, Const<5>)>",
    ),
    layer(
        "Permute",
        &[size("first axis"), size("second axis"), or("third axis", Kind::Count, "0")],
        "Permute<2, 1>",
    ),
    layer("RepeatVector", &[size("number of times")], "RepeatVector<10>"),
    layer(
        "ZeroPadding2d",
        &[parameter("rows", Kind::Count), like("columns", Kind::Count, 0)],
        "ZeroPadding2d<1>",
    ),
    layer(
        "MultiHeadAttention",
        &[
            FEATURES,
            size("number of heads"),
            size("size of a key"),
            like("size of a value", Kind::Size, 2),
            like("features of the output", Kind::Size, 0),
            like("features of the value", Kind::Size, 0),
            like("features of the key", Kind::Size, 5),
            ELEMENT,
            DEVICE,
        ],
        "MultiHeadAttention<_, 4, 32>",
    ),
    layer("TimeDistributed", &[INSIDE], "TimeDistributed<Dense<_, 10>>"),
    layer("Shared", &[INSIDE], "Shared<Dense<_, 10>>"),
    plain("GlobalAveragePooling1d"),
    plain("GlobalAveragePooling2d"),
    plain("GlobalMaxPooling1d"),
    plain("GlobalMaxPooling2d"),
    plain("Add"),
    plain("Subtract"),
    plain("Average"),
    plain("Multiply"),
    plain("Maximum"),
    plain("Minimum"),
    layer("Dot", &[size("axis"), like("axis of the second", Kind::Size, 0)], "Dot<1>"),
    plain("Identity"),
    plain("Masking"),
    plain("Unmask"),
    plain("Linear"),
    plain("Relu"),
    plain("Sigmoid"),
    plain("Softmax"),
    plain("Tanh"),
    plain("Celu"),
    plain("Elu"),
    plain("Exponential"),
    plain("Gelu"),
    plain("HardShrink"),
    plain("HardSigmoid"),
    plain("HardSilu"),
    plain("HardTanh"),
    plain("Keras2HardSigmoid"),
    plain("LeakyRelu"),
    plain("LeakyReluLayer"),
    plain("ReluLayer"),
    plain("EluLayer"),
    plain("LogSigmoid"),
    plain("Mish"),
    plain("Relu6"),
    plain("Selu"),
    plain("Silu"),
    plain("SoftShrink"),
    plain("Softplus"),
    plain("Softsign"),
    plain("SparsePlus"),
    plain("SparseSigmoid"),
    plain("Squareplus"),
    plain("TanhShrink"),
];

/// What layers are called elsewhere, without regard to case and underscores, if it is not their name here. `src/layers/elsewhere.rs`
/// has these names, for the `use` of a program.
const ELSEWHERE: &[(&str, &str)] = &[
    ("averagepooling1d", "AvgPool1d"),
    ("averagepooling2d", "AvgPool2d"),
    ("batchnorm1d", "BatchNorm"),
    ("batchnorm2d", "BatchNorm"),
    ("batchnormalization", "BatchNorm"),
    ("globalaveragepool1d", "GlobalAveragePooling1d"),
    ("globalaveragepool2d", "GlobalAveragePooling2d"),
    ("globalavgpool1d", "GlobalAveragePooling1d"),
    ("globalavgpool2d", "GlobalAveragePooling2d"),
    ("globalmaxpool1d", "GlobalMaxPooling1d"),
    ("globalmaxpool2d", "GlobalMaxPooling2d"),
    ("layernormalization", "LayerNorm"),
    ("maxpooling1d", "MaxPool1d"),
    ("maxpooling2d", "MaxPool2d"),
    ("rmsnormalization", "RmsNorm"),
];
