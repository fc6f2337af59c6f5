//! The line to copy.

use kerata_format::table::{Class, Default, Kind, Known, Parameter};
use syn::Generics;

use super::{
    arguments::{Argument, What, flag},
    words::Word,
};

/// A layer as it should be written.
pub(super) struct Line {
    pub(super) text: String,
    /// Whether `_` was put in front.
    pub(super) hole: bool,
}

/// What was meant, as far as it can be guessed; else the example of the table.
pub(super) fn line(known: &Known, given: &[Argument]) -> Line {
    let placed = placed(known, given);
    // Of too many, those that have a place.
    let fewer = || rewritten(known, placed.get(..known.parameters.len())?);
    let fitting = || rewritten(known, &fitting(known, &placed));
    // Of what cannot be guessed, what the layer cannot do without.
    let required = || rewritten(known, placed.get(..known.required())?);
    let line = rewritten(known, &placed).or_else(fewer).or_else(fitting).or_else(required);
    line.unwrap_or_else(|| Line { text: known.example.into(), hole: false })
}

/// Puts an argument where Keras's key for it belongs, if that is a parameter; what is missing in front is filled in.
pub(super) fn put(known: &Known, given: &mut Vec<Argument>, key: &str, argument: Argument) -> bool {
    let places: Vec<usize> = (0..known.parameters.len())
        .filter(|&place| is_called(&known.parameters[place], key))
        .collect();
    let Some(&first) = places.first() else { return false };
    let values = match argument.numbers(places.len()) {
        Some(numbers) => numbers,
        // A single value counts for each axis that has been written.
        None => vec![argument; places.iter().filter(|&&place| place < given.len()).count().max(1)],
    };
    while given.len() < first {
        given.push(missing(known, given));
    }
    for (place, value) in places.into_iter().zip(values) {
        match given.get_mut(place) {
            Some(there) => *there = value,
            None => given.push(value),
        }
    }
    true
}

/// What is said of a value that cannot be that of the parameters of one key.
pub(super) fn misfit(known: &Known, key: &str, argument: &Argument) -> Option<String> {
    let mut all = known.parameters.iter().filter(|parameter| is_called(parameter, key));
    let (first, several) = (all.next()?, all.next().is_some());
    let (text, what) = (&argument.text, first.what);
    match (&argument.what, first.kind) {
        (What::Tuple(_), kind) if !several && argument.word(kind).is_none() => {
            Some(format!("the {what} is one number for all axes here, and `{text}` are several"))
        }
        (What::Size | What::Either, _) => None,
        (_, kind @ Kind::Type(_)) if argument.word(kind).is_none() => Some(format!(
            "`{text}` cannot stand for the {what}: write it as in `{}`",
            known.example
        )),
        _ => None,
    }
}

/// Whether Keras calls any of the parameters so.
pub(super) fn has(known: &Known, key: &str) -> bool {
    known.parameters.iter().any(|parameter| is_called(parameter, key))
}

/// Whether Keras calls a parameter so.
fn is_called(parameter: &Parameter, key: &str) -> bool {
    match parameter.kind {
        Kind::Type(Class::Layer) => false,
        Kind::Features if key == "features" => true,
        _ => !key.is_empty() && parameter.key == key,
    }
}

/// What stands behind those that are given.
fn missing(known: &Known, given: &[Argument]) -> Argument {
    let (place, hole) = (given.len(), "_".to_owned());
    let parameter = &known.parameters[place];
    match parameter.default {
        Some(Default::Like(other)) => return given[other].clone(),
        _ if parameter.kind == Kind::Features => {
            return Argument { text: hole, what: What::Hole, key: None };
        }
        _ => {}
    }
    let text = default(parameter, &[]).or_else(|| example(known, place)).unwrap_or(hole);
    let parsed = syn::parse_str(&text);
    parsed.map_or(Argument { text, what: What::Either, key: None }, |argument| {
        Argument::new(&argument, &Generics::default())
    })
}

/// The arguments in places, those that have a name put where it belongs.
fn placed(known: &Known, given: &[Argument]) -> Vec<Argument> {
    let is_known = |argument: &&Argument| {
        let key = argument.key.as_deref().unwrap_or_default();
        known.parameters.iter().any(|parameter| is_called(parameter, key))
    };
    let (named, plain): (Vec<_>, Vec<_>) = given.iter().partition(is_known);
    let mut placed: Vec<Argument> = plain.into_iter().cloned().collect();
    if !named.is_empty() && lacks_features(known, &placed, true) {
        placed.insert(0, Argument { text: "_".to_owned(), what: What::Hole, key: None });
    }
    for argument in named {
        let key = argument.key.as_deref().unwrap_or_default();
        put(known, &mut placed, key, Argument { key: None, ..argument.clone() });
    }
    // What reaches the layer stands in front.
    while placed.len() > 1 && matches!(placed.last(), Some(Argument { what: What::Hole, .. })) {
        placed.pop();
    }
    placed
}

/// The sizes, and of the words those that fit somewhere, in the order of their places.
fn fitting(known: &Known, given: &[Argument]) -> Vec<Argument> {
    let end = given.iter().position(|argument| !argument.may_be_size());
    let (sizes, words) = given.split_at(end.unwrap_or(given.len()));
    let place = |word: &Argument| {
        known.parameters.iter().position(|parameter| word.word(parameter.kind).is_some())
    };
    let mut words: Vec<_> = words.iter().filter_map(|word| Some((place(word)?, word))).collect();
    words.sort_by_key(|(place, _)| *place);
    words.dedup_by_key(|(place, _)| *place);
    sizes.iter().chain(words.into_iter().map(|(_, word)| word)).cloned().collect()
}

/// Whether `_`, or the features, were left out in front of the sizes; `more` is whether anything follows these.
fn lacks_features(known: &Known, sizes: &[Argument], more: bool) -> bool {
    let all = known.parameters.iter().take_while(|parameter| parameter.kind.is_size()).count();
    let features = known.parameters.first().is_some_and(|first| first.kind == Kind::Features);
    let starts = sizes.first().is_some_and(|argument| matches!(argument.what, What::Hole));
    let one_short = more && sizes.len() + 1 == all;
    features && all > 1 && !starts && (sizes.len() < known.required().min(all) || one_short)
}

fn rewritten(known: &Known, given: &[Argument]) -> Option<Line> {
    let parameters = known.parameters;
    let sizes = parameters.iter().take_while(|parameter| parameter.kind.is_size()).count();
    let required = known.required().min(sizes);
    let first = parameters.first()?;
    let end = given.iter().position(|argument| !argument.may_be_size());
    let (front, rest) = given.split_at(end.unwrap_or(given.len()));
    let all =
        matches!(front, [Argument { what: What::Tuple(numbers), .. }] if numbers.len() == sizes);
    let hole = !all && lacks_features(known, front, !rest.is_empty());
    let mut front: Vec<&Argument> = front.iter().collect();
    let mut texts = Vec::new();

    if first.kind == Kind::Type(Class::Shape)
        && let Some(shape) = shape(&front)
    {
        return Some(Line { text: format!("{}<{shape}>", known.name), hole: false });
    }
    if hole || front.is_empty() && first.kind == Kind::Features {
        texts.push("_".to_owned());
    }
    if let [only] = front.as_slice()
        && let What::Tuple(numbers) = &only.what
        && let [a, b] = numbers.as_slice()
        && sizes >= 2
    {
        texts.extend([a.to_string(), b.to_string()]);
        front.clear();
    }
    if let Some(sides) = sides(known, &front) {
        texts.extend(sides);
        front.clear();
    }
    for argument in front {
        if let What::Tuple(numbers) = &argument.what {
            texts.extend(numbers.iter().map(usize::to_string));
            continue;
        }
        let parameter = parameters.get(texts.len()).filter(|parameter| parameter.kind.is_size())?;
        texts.push(argument.size(known, parameter, texts.len(), &texts)?);
    }
    while texts.len() < required {
        texts.push(example(known, texts.len())?);
    }
    for argument in rest {
        let from = texts.len();
        let fits = |parameter: &Parameter| argument.word(parameter.kind).is_some();
        let place = from + parameters.get(from..)?.iter().position(fits)?;
        for skipped in &parameters[from..place] {
            texts.push(default(skipped, &texts)?);
        }
        let kind = parameters[place].kind;
        texts.push(argument.word(kind)?);
    }
    while texts.len() < known.required() {
        texts.push(example(known, texts.len())?);
    }
    if texts.len() > parameters.len() {
        return None;
    }
    let text = match texts.as_slice() {
        [] => known.name.to_owned(),
        texts => format!("{}<{}>", known.name, texts.join(", ")),
    };
    Some(Line { text, hole })
}

/// Numbers that were meant as a shape, `4, 5` or `(4, 5)`.
fn shape(given: &[&Argument]) -> Option<String> {
    let dims = given.iter().map(|argument| match &argument.what {
        What::Number(size) => Some(vec![*size]),
        What::Tuple(sizes) => Some(sizes.clone()),
        _ => None,
    });
    let dims: Vec<usize> = dims.collect::<Option<Vec<_>>>()?.concat();
    let dims: Vec<String> = dims.iter().map(|size| format!("Const<{size}>")).collect();
    match dims.as_slice() {
        [] => None,
        [one] => Some(format!("({one},)")),
        several => Some(format!("({})", several.join(", "))),
    }
}

/// Keras's pairs of what is before and behind each axis: here those before come first, and then those behind.
fn sides(known: &Known, given: &[&Argument]) -> Option<Vec<String>> {
    let pairs = match given {
        [Argument { what: What::Pairs(pairs), .. }] => pairs.clone(),
        [Argument { what: What::Tuple(a), .. }, Argument { what: What::Tuple(b), .. }] => {
            vec![a.as_slice().try_into().ok()?, b.as_slice().try_into().ok()?]
        }
        _ => return None,
    };
    (known.parameters.len() == 2 * pairs.len()).then(|| behind_those_before(&pairs))
}

fn behind_those_before(pairs: &[[usize; 2]]) -> Vec<String> {
    let end = |end: usize| pairs.iter().map(move |pair| pair[end].to_string());
    end(0).chain(end(1)).collect()
}

/// What stands at a place of the example.
fn example(known: &Known, place: usize) -> Option<String> {
    let (_, inside) = known.example.split_once('<')?;
    let inside = inside.strip_suffix('>')?;
    let text = if known.parameters.len() == 1 { inside } else { inside.split(", ").nth(place)? };
    Some(text.to_owned())
}

pub(super) fn default(parameter: &Parameter, before: &[String]) -> Option<String> {
    match parameter.default? {
        Default::Text(text) => Some(text.to_owned()),
        Default::Like(place) => before.get(place).cloned(),
    }
}

impl Argument {
    /// The numbers that this gives the parameters of one key: a tuple of as many, or of the half of them, or pairs.
    fn numbers(&self, places: usize) -> Option<Vec<Self>> {
        let texts = match &self.what {
            What::Tuple(sizes) if sizes.len() == places || 2 * sizes.len() == places => {
                sizes.iter().map(usize::to_string).collect()
            }
            What::Pairs(pairs) if 2 * pairs.len() == places => behind_those_before(pairs),
            _ => return None,
        };
        let number = |text: String| {
            let what = text.parse().map_or(What::Size, What::Number);
            Self { text, what, key: None }
        };
        Some(texts.into_iter().map(number).collect())
    }

    fn may_be_size(&self) -> bool {
        matches!(
            self.what,
            What::Hole
                | What::Number(_)
                | What::Size
                | What::Negative
                | What::Float(_)
                | What::Tuple(_)
                | What::Pairs(_)
                | What::Small
        ) || matches!(self.what, What::Either) && !self.text.contains(char::is_lowercase)
    }

    /// Its text as a size.
    fn size(
        &self,
        known: &Known,
        parameter: &Parameter,
        place: usize,
        before: &[String],
    ) -> Option<String> {
        match self.what {
            What::Float(rate) if parameter.kind == Kind::Percent && (0.0..1.0).contains(&rate) => {
                Some(format!("{}", (rate * 100.0).round().min(99.0)))
            }
            What::Number(n) if n < 100 && parameter.kind == Kind::Percent => {
                Some(self.text.clone())
            }
            What::Number(n) if n > 0 && parameter.kind != Kind::Percent => Some(self.text.clone()),
            What::Number(0) if parameter.kind == Kind::Count => Some(self.text.clone()),
            What::Hole if parameter.kind == Kind::Features => Some(self.text.clone()),
            What::Size | What::Either => Some(self.text.clone()),
            What::Small => Some(self.text.to_uppercase()),
            _ => default(parameter, before).or_else(|| example(known, place)),
        }
    }

    /// Its text as a parameter of this kind, if it may have been meant there.
    fn word(&self, kind: Kind) -> Option<String> {
        match (&self.what, kind) {
            // Images have no time, in which it would look back.
            (What::Word(Word { name: "Causal", .. }), Kind::Type(Class::ImagePadding)) => {
                Some("Same".to_owned())
            }
            (
                What::Word(word) | What::Misspelt(word) | What::Text(Some(word)),
                Kind::Type(class),
            ) => word.is(class).then(|| word.name.to_owned()),
            (What::Flag(on), Kind::Type(class)) => {
                flag(class, *on).map(|word| word.name.to_owned())
            }
            (What::Type | What::Either | What::Small, Kind::Type(_)) => Some(self.text.clone()),
            (What::Layer, Kind::Type(Class::Layer)) => Some(self.text.clone()),
            (What::Tuple(_), Kind::Type(Class::Shape)) => shape(&[self]),
            (What::Number(1..), Kind::Type(Class::Grouping)) => {
                Some(format!("Groups<{}>", self.text))
            }
            (What::Number(1..) | What::Size, Kind::Size | Kind::Count) => Some(self.text.clone()),
            (What::Tuple(numbers), Kind::Size) => match numbers.as_slice() {
                [a, b] if a == b => Some(a.to_string()),
                _ => None,
            },
            (What::Number(0) | What::Negative, Kind::Size) => Some("1".to_owned()),
            _ => None,
        }
    }
}

/// What the compiler is content with for a parameter.
pub(super) fn harmless(kind: Kind) -> &'static str {
    match kind {
        Kind::Features | Kind::Size | Kind::Count | Kind::Percent => "1",
        Kind::Type(Class::Activation) => "::kerata::Linear",
        Kind::Type(Class::Padding | Class::ImagePadding) => "::kerata::Valid",
        Kind::Type(Class::Returns) => "::kerata::LastState",
        Kind::Type(Class::ResetGate) => "::kerata::ResetAfter",
        Kind::Type(Class::MergeMode) => "::kerata::Concat",
        Kind::Type(Class::MaskIds) => "::kerata::NoMask",
        Kind::Type(Class::Grouping) => "::kerata::OneGroup",
        Kind::Type(Class::Shape) => "(::kerata::Const<1>,)",
        Kind::Type(Class::Layer) => "::kerata::Identity",
        Kind::Type(Class::Element) => "f32",
        Kind::Type(Class::Device) => "::kerata::Cpu",
    }
}
