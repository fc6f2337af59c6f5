//! Words where a parameter or a layer is expected: what they are here, and where else they belong.

use kerata_format::table::{ACTIVATIONS, Class, Kind, Known};

/// A type of the crate that stands for a parameter.
#[derive(Clone, Copy)]
pub(super) struct Word {
    pub(super) name: &'static str,
    pub(super) class: Class,
    /// What Keras calls it, without regard to case and underscores.
    pub(super) keras: &'static [&'static str],
}

impl Word {
    /// Whether it can be what a parameter is.
    pub(super) fn is(&self, class: Class) -> bool {
        match class {
            Class::ImagePadding => self.class == Class::Padding && self.name != "Causal",
            Class::Layer => self.class == Class::Activation,
            class => class == self.class,
        }
    }
}

const fn word(name: &'static str, class: Class, keras: &'static [&'static str]) -> Word {
    Word { name, class, keras }
}

/// All of them, the activations first.
pub(super) fn words() -> impl Iterator<Item = &'static Word> {
    FUNCTIONS.iter().chain(WORDS).filter(|word| !word.name.is_empty())
}

static FUNCTIONS: [Word; ACTIVATIONS.len()] = {
    let mut all = [word("", Class::Activation, &[]); ACTIVATIONS.len()];
    let mut i = 0;
    while i < all.len() {
        all[i] = word(ACTIVATIONS[i].name, Class::Activation, ACTIVATIONS[i].others);
        i += 1;
    }
    all
};

const WORDS: &[Word] = &[
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
    (
        "Lambda",
        "a function of your own is a layer of your own: a struct under `#[layer]`, with an `impl Layer`",
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
pub(super) const NAMED: &str =
    "name its type, or take it as a parameter of the struct, `struct ..<L>`";
pub(super) const LIST: &str =
    "give each layer a field, or write a tuple of layers, `(Dense<8, 8>, Dense<8, 8>)`";

/// A layer of the user's own may have the name of one of the crate, and other parameters.
pub(super) fn of_your_own(name: &str) -> String {
    format!("\n(a layer of your own that is called so: `self::{name}<..>`)")
}

/// What stands in front of a place, if these are several sizes.
pub(super) fn behind(layer: &Known, place: usize) -> String {
    let front: Vec<&str> =
        layer.parameters[..place].iter().map(|parameter| parameter.what).collect();
    match front.as_slice() {
        [first @ .., last] if first.len() > 1 => {
            format!(", behind {} and {last}", first.join(", "))
        }
        _ => String::new(),
    }
}

/// That sizes are no tuple, and their order where it is not Keras's.
pub(super) fn one_by_one(layer: &Known, kind: Kind) -> String {
    let each: Vec<&str> = layer.parameters.iter().map(|parameter| parameter.what).collect();
    match (kind, each.as_slice()) {
        (Kind::Type(Class::Shape), _) => "the sizes of a shape are types, `Const`".to_owned(),
        (Kind::Count, [first @ .., last]) if first.len() > 1 => {
            format!("sizes are written one by one, {} and {last}", first.join(", "))
        }
        _ => "sizes are written one by one, not as a tuple".to_owned(),
    }
}

/// What a layer cannot do without.
pub(super) fn needs(layer: &Known) -> String {
    let required = layer.parameters.iter().filter(|parameter| parameter.default.is_none());
    let required: Vec<&str> = required.map(|parameter| parameter.what).collect();
    let list = match required.as_slice() {
        [] => return format!("`{}` has no parameters in parentheses", layer.name),
        [one] => (*one).to_owned(),
        [front @ .., last] => format!("{} and {last}", front.join(", ")),
    };
    let hole = match layer.parameters[0].kind {
        Kind::Features => ", and `_` stands for what reaches it",
        _ => "",
    };
    format!("`{}` needs its {list}{hole}", layer.name)
}
