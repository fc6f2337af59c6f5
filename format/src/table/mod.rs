//! What is known of each layer: its class in Keras, its type here, how that is written, and what becomes of a mask. `kerata`,
//! its attributes and the Rust source of a config all follow from it.
//!
//! ```
//! use kerata_format::table::{destroys_masks, known, of_class};
//!
//! assert_eq!(of_class("RMSNormalization").map(|layer| layer.name), Some("RmsNorm"));
//! assert_eq!(known("Dense").map(|layer| layer.required()), Some(2));
//! assert!(destroys_masks("Conv2D") && !destroys_masks("LSTM"));
//! ```

mod activations;
mod classes;
mod layers;
mod parts;

pub use activations::{ACTIVATIONS, Activation, activation};
pub use classes::{destroys_masks, is_class};

use activations::FUNCTIONS;
use layers::LAYERS;

/// A layer of the crate.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Keras's class; empty if it has none. Of several types of one class the first row has it.
    pub class: &'static str,
    /// The type.
    pub name: &'static str,
    /// The parameters of the type.
    pub parameters: &'static [Parameter],
    /// A line to copy.
    pub example: &'static str,
    /// What else it is called, in Keras or PyTorch.
    pub others: &'static [&'static str],
    /// What its config says that is no parameter.
    pub settings: &'static [Setting],
    /// The keys of regularizers and constraints.
    pub rules: &'static [&'static str],
    /// Whether Keras takes a mask off there, with a warning.
    pub destroys_masks: bool,
}

/// A parameter of a layer.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// What it stands for, in the words of a message.
    pub what: &'static str,
    /// Keras's key. If several have one, each is that of an axis; of pairs, first come those before and then those after.
    pub key: &'static str,
    /// What may stand there.
    pub kind: Kind,
    /// Whether the key says a size, or a pair, for each axis that a window slides along.
    pub along: bool,
    /// What it is where nothing is written: a text, or the parameter at a place.
    pub default: Option<Default>,
    /// What Keras takes where its config says nothing, if it need not be written there.
    pub usual: Option<u64>,
}

/// What may be written for a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A size that `_` may stand for.
    Features,
    /// A size of at least 1.
    Size,
    /// A size that may be 0.
    Count,
    /// A size of at most 99.
    Percent,
    /// A type.
    Type(Class),
}

/// What a parameter that is a type may be.
#[allow(missing_docs)]
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Class {
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

/// What a parameter is where nothing is written.
#[derive(Debug, Clone, Copy)]
pub enum Default {
    /// This text.
    Text(&'static str),
    /// What the parameter at this place is.
    Like(usize),
}

/// What a config says of a layer beside its parameters: an option of the type, or what must be as the type has it.
#[derive(Debug, Clone, Copy)]
pub enum Setting {
    /// An option that is a number, and its default.
    Number(&'static str, f64),
    /// An option that is true or false, and its default.
    Flag(&'static str, bool),
    /// An option that is an activation, and its default.
    Function(&'static str, &'static str),
    /// A key that must be false.
    False(&'static str),
    /// A key that must be null.
    Null(&'static str),
    /// Keys that change nothing in what the layer calculates.
    Ignored(&'static [&'static str]),
    /// An option that is a value of an enum of the crate: its key, the enum, and each of Keras's words with the variant. The
    /// first one is the default.
    Choice(&'static str, &'static str, &'static [[&'static str; 2]]),
    /// An option that is a `Factor`.
    Factor(&'static str),
    /// An option that is a `ValueRange`, and its default.
    Range(&'static str, [f64; 2]),
    /// An option that is a factor of one axis where those of the other do not count.
    OwnFactor(&'static str),
    /// All of these.
    All(&'static [Setting]),
    /// An axis that must be the last one.
    LastAxis,
    /// Channels that must come last.
    ChannelsLast,
}

impl Kind {
    /// Whether it is a number.
    pub fn is_size(self) -> bool {
        !matches!(self, Self::Type(_))
    }
}

impl Class {
    /// What true and false are called, if Keras says it so.
    pub fn flags(self) -> Option<[&'static str; 2]> {
        match self {
            Self::Returns => Some(["Sequences", "LastState"]),
            Self::ResetGate => Some(["ResetAfter", "ResetBefore"]),
            Self::MaskIds => Some(["MaskZero", "NoMask"]),
            _ => None,
        }
    }
}

impl Known {
    /// How many parameters must be written.
    pub fn required(&self) -> usize {
        self.parameters.iter().filter(|parameter| parameter.default.is_none()).count()
    }

    /// Whether it has a parameter of a class.
    pub fn has(&self, class: Class) -> bool {
        self.parameters.iter().any(|parameter| parameter.kind == Kind::Type(class))
    }

    /// Whether it changes sizes behind the batch, by windows that slide along them or by a border.
    pub fn has_windows(&self) -> bool {
        self.parameters.iter().any(|parameter| parameter.along)
    }
}

/// All layers.
pub fn layers() -> impl Iterator<Item = &'static Known> {
    LAYERS.iter().chain(&FUNCTIONS).filter(|layer| !layer.name.is_empty())
}

/// The layer of this name.
pub fn known(name: &str) -> Option<&'static Known> {
    layers().find(|layer| layer.name == name)
}

/// The first layer that is of a class of Keras.
pub fn of_class(class: &str) -> Option<&'static Known> {
    LAYERS.iter().find(|layer| layer.class == class && !class.is_empty())
}

/// The layer that has another name here than in Keras or PyTorch, without regard to case and underscores.
pub fn called(name: &str) -> Option<&'static Known> {
    if known(name).is_some() {
        return None;
    }
    let small = |name: &str| name.replace('_', "").to_lowercase();
    let wanted = small(name);
    // As a layer, it has another slope than as an activation.
    if name == "LeakyReLU" {
        return of_class(name);
    }
    let is = |other: &str| small(other) == wanted;
    let others = |layer: &&Known| is(layer.class) || layer.others.iter().any(|other| is(other));
    layers().find(|layer| is(layer.name)).or_else(|| layers().find(others))
}

/// The names that layers have elsewhere and none has here.
pub fn elsewhere() -> impl Iterator<Item = &'static str> {
    let names = layers().flat_map(|layer| [&[layer.class], layer.others].concat());
    names.chain(["GELU", "SELU"]).filter(|name| !name.is_empty() && known(name).is_none())
}
