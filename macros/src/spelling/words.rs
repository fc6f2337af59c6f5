//! Words where a parameter or a layer is expected: what they are here, and where else they belong.

use super::table::Class;

/// A type of the crate that stands for a parameter.
pub(super) struct Word {
    pub(super) name: &'static str,
    pub(super) class: Class,
    /// What Keras calls it, without regard to case and underscores.
    pub(super) keras: &'static [&'static str],
}

impl Class {
    /// Whether a type of the crate can be this.
    pub(super) fn takes(self, word: &Word) -> bool {
        match self {
            Self::ImagePadding => word.class == Self::Padding && word.name != "Causal",
            Self::Layer => word.class == Self::Activation,
            class => class == word.class,
        }
    }
}

const fn word(name: &'static str, class: Class, keras: &'static [&'static str]) -> Word {
    Word { name, class, keras }
}

pub(super) const WORDS: &[Word] = &[
    word("Linear", Class::Activation, &[]),
    word("Relu", Class::Activation, &[]),
    word("Sigmoid", Class::Activation, &[]),
    word("Softmax", Class::Activation, &[]),
    word("Tanh", Class::Activation, &[]),
    word("Celu", Class::Activation, &[]),
    word("Elu", Class::Activation, &[]),
    word("Exponential", Class::Activation, &[]),
    word("Gelu", Class::Activation, &[]),
    word("HardShrink", Class::Activation, &[]),
    word("HardSigmoid", Class::Activation, &[]),
    word("HardSilu", Class::Activation, &["hardswish"]),
    word("HardTanh", Class::Activation, &[]),
    word("Keras2HardSigmoid", Class::Activation, &[]),
    word("LeakyRelu", Class::Activation, &[]),
    word("LogSigmoid", Class::Activation, &[]),
    word("Mish", Class::Activation, &[]),
    word("Relu6", Class::Activation, &[]),
    word("Selu", Class::Activation, &[]),
    word("Silu", Class::Activation, &["swish"]),
    word("SoftShrink", Class::Activation, &[]),
    word("Softplus", Class::Activation, &[]),
    word("Softsign", Class::Activation, &[]),
    word("SparsePlus", Class::Activation, &[]),
    word("SparseSigmoid", Class::Activation, &[]),
    word("Squareplus", Class::Activation, &[]),
    word("TanhShrink", Class::Activation, &[]),
    word("Valid", Class::Padding, &[]),
    word("Same", Class::Padding, &[]),
    word("Causal", Class::Padding, &[]),
    word("LastState", Class::Returns, &[]),
    word("Sequences", Class::Returns, &["sequence", "returnsequences", "returnsequence"]),
    word("ResetAfter", Class::ResetGate, &[]),
    word("ResetBefore", Class::ResetGate, &[]),
    word("Concat", Class::MergeMode, &[]),
    word("Separate", Class::MergeMode, &[]),
    word("Sum", Class::MergeMode, &[]),
    word("Average", Class::MergeMode, &["ave"]),
    word("Multiply", Class::MergeMode, &["mul"]),
    word("NoMask", Class::MaskIds, &[]),
    word("MaskZero", Class::MaskIds, &["maskzeros", "masked"]),
    word("OneGroup", Class::Grouping, &[]),
];

/// What `true` and `false` are called.
pub(super) const FLAGS: &[(Class, &str, &str)] = &[
    (Class::Returns, "Sequences", "LastState"),
    (Class::ResetGate, "ResetAfter", "ResetBefore"),
    (Class::MaskIds, "MaskZero", "NoMask"),
];

/// What is no layer, and where it belongs.
pub(super) const OTHERS: &[(&str, &str)] = &[
    ("Vec", LIST),
    ("VecDeque", LIST),
    ("ModuleList", LIST),
    ("Option", "a layer is there or not: write two structs, one with it and one without"),
    ("Result", OUTSIDE),
    ("String", OUTSIDE),
    ("str", OUTSIDE),
    ("HashMap", OUTSIDE),
    ("BTreeMap", OUTSIDE),
    ("HashSet", OUTSIDE),
    ("Vocabulary", "keep it beside the model, in a struct that holds both"),
    ("Tensor", "weights belong to a layer of your own"),
    ("Input", "what a model takes stands in its attribute, `#[model(input = (Batch, 10))]`"),
    ("InputLayer", "what a model takes stands in its attribute, `#[model(input = (Batch, 10))]`"),
    (
        "Activation",
        "an activation is a layer itself, `Relu`, or one of the layer before it, `Dense<_, 10, Relu>`",
    ),
    ("bool", OUTSIDE),
    ("char", OUTSIDE),
    ("f32", OUTSIDE),
    ("f64", OUTSIDE),
    ("i8", OUTSIDE),
    ("i16", OUTSIDE),
    ("i32", OUTSIDE),
    ("i64", OUTSIDE),
    ("isize", OUTSIDE),
    ("u8", OUTSIDE),
    ("u16", OUTSIDE),
    ("u32", OUTSIDE),
    ("u64", OUTSIDE),
    ("usize", OUTSIDE),
];
pub(super) const OUTSIDE: &str =
    "keep it in a struct that holds the model, or take a `const` for a size";
pub(super) const LIST: &str =
    "give each layer a field, or write a tuple of layers, `(Dense<8, 8>, Dense<8, 8>)`";
