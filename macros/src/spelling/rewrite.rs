//! The line to copy.

use kerata_format::table::{Class, Default, Kind, Known, Parameter};

use super::arguments::{Argument, What, flag};

/// A layer as it should be written.
pub(super) struct Line {
    pub(super) text: String,
    /// Whether `_` was put in front.
    pub(super) hole: bool,
}

/// What was meant, as far as it can be guessed; else the example of the table.
pub(super) fn line(known: &Known, given: &[Argument]) -> Line {
    rewritten(known, given).unwrap_or_else(|| Line { text: known.example.into(), hole: false })
}

/// The same of a layer that is called as in Keras, where a single number is no number of features.
pub(super) fn of_keras(known: &Known, mut given: Vec<Argument>) -> Line {
    let mut sizes = known.parameters.iter().filter(|parameter| parameter.kind.is_size());
    let features = sizes.next().is_some_and(|first| first.kind == Kind::Features);
    if let [only] = given.as_slice()
        && matches!(only.what, What::Number(_))
        && features
        && sizes.next().is_some()
    {
        given.insert(0, Argument { what: What::Hole, text: "_".to_owned(), named: false });
    }
    line(known, &given)
}

fn rewritten(known: &Known, given: &[Argument]) -> Option<Line> {
    let parameters = known.parameters;
    let sizes = parameters.iter().take_while(|parameter| parameter.kind.is_size()).count();
    let required = known.required().min(sizes);
    let first = parameters.first()?;
    let end = given.iter().position(|argument| !argument.may_be_size());
    let (front, rest) = given.split_at(end.unwrap_or(given.len()));
    let mut front: Vec<&Argument> = front.iter().collect();
    let mut texts = Vec::new();

    // Without `_`, the features were left out.
    let features = first.kind == Kind::Features && sizes > 1;
    let starts = front.first().is_some_and(|argument| matches!(argument.what, What::Hole));
    let one_short = !rest.is_empty() && front.len() + 1 == sizes;
    let hole = features && !starts && (front.len() < required || one_short);
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
    fn may_be_size(&self) -> bool {
        matches!(
            self.what,
            What::Hole
                | What::Number(_)
                | What::Size
                | What::Negative
                | What::Float(_)
                | What::Tuple(_)
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
            (
                What::Word(word) | What::Misspelt(word) | What::Text(Some(word)),
                Kind::Type(class),
            ) => word.is(class).then(|| word.name.to_owned()),
            (What::Flag(on), Kind::Type(class)) => {
                flag(class, *on).map(|word| word.name.to_owned())
            }
            (What::Type | What::Either | What::Small, Kind::Type(_)) => Some(self.text.clone()),
            (What::Layer, Kind::Type(Class::Layer)) => Some(self.text.clone()),
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
