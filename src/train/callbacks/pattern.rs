//! Names of files with places for numbers, `model-{epoch:02d}-{val_loss:.2f}.safetensors`, as Python formats them.

use crate::error::Error;

/// A pattern, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pattern(Vec<Piece>);

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    Number { name: String, fill: bool, width: usize, precision: Option<usize>, kind: char },
}

impl Pattern {
    /// # Errors
    /// [`Error::Invalid`] for what is no pattern.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |expected| Error::invalid("the pattern of a file name", text, expected);
        let (mut pieces, mut plain) = (Vec::new(), String::new());
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '{' | '}' if rest.peek() == Some(&c) => plain.extend(rest.next()),
                '{' => {
                    let mut inside = String::new();
                    loop {
                        match rest.next() {
                            Some('}') => break,
                            Some('{') | None => return Err(wrong("a `{` has no `}`")),
                            Some(c) => inside.push(c),
                        }
                    }
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    let number = Piece::number(&inside);
                    pieces.push(number.ok_or_else(|| {
                        wrong("in braces stand a name and how it is written, `{epoch:02d}` or `{val_loss:.2f}`")
                    })?);
                }
                '}' => return Err(wrong("a `}` has no `{`")),
                c => plain.push(c),
            }
        }
        pieces.push(Piece::Text(plain));
        Ok(Self(pieces))
    }

    /// The names that stand in it.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Number { name, .. } => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// The name of a file.
    pub(super) fn format(&self, value: impl Fn(&str) -> Option<f64>) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Number { name, fill, width, precision, kind } => {
                let value = value(name).unwrap_or(f64::NAN);
                let text = match (kind, precision) {
                    ('e', precision) => exponential(value, precision.unwrap_or(6)),
                    ('f', precision) => format!("{value:.*}", precision.unwrap_or(6)),
                    (_, Some(precision)) => format!("{value:.precision$}"),
                    (_, None) => value.to_string(),
                };
                match text.strip_prefix('-').filter(|_| *fill) {
                    Some(digits) => {
                        let width = width.saturating_sub(1);
                        format!("-{digits:0>width$}")
                    }
                    None if *fill => format!("{text:0>width$}"),
                    None => format!("{text:>width$}"),
                }
            }
        };
        self.0.iter().map(piece).collect()
    }
}

/// As Python writes it: `1.50e-03`.
fn exponential(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    match text.split_once('e') {
        None => text,
        Some((digits, exponent)) => {
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(exponent) => ('-', exponent),
                None => ('+', exponent),
            };
            format!("{digits}e{sign}{exponent:0>2}")
        }
    }
}

impl Piece {
    fn number(inside: &str) -> Option<Self> {
        let (name, spec) = inside.split_once(':').unwrap_or((inside, ""));
        if name.is_empty() {
            return None;
        }
        let kind = spec.chars().last().filter(char::is_ascii_alphabetic);
        let digits = &spec[..spec.len() - usize::from(kind.is_some())];
        let kind = kind.unwrap_or(' ');
        let (width, precision) = match digits.split_once('.') {
            Some((width, precision)) => (width, Some(precision.parse().ok()?)),
            None => (digits, None),
        };
        let fill = width.starts_with('0');
        let width = if width.is_empty() { 0 } else { width.parse().ok()? };
        // A name of a file is no longer.
        let fits = width <= 200 && precision.is_none_or(|precision: usize| precision <= 200);
        let known = [' ', 'd', 'f', 'e'].contains(&kind) && (kind != 'd' || precision.is_none());
        (fits && known).then(|| Self::Number { name: name.into(), fill, width, precision, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    fn written(pattern: &str) -> String {
        let value = |name: &str| match name {
            "epoch" => Some(7.0),
            "loss" => Some(-0.123_456),
            "tiny" => Some(0.001_5),
            _ => None,
        };
        Pattern::parse(pattern).unwrap().format(value)
    }

    #[test]
    fn numbers_are_written_as_in_python() {
        assert_eq!(written("m-{epoch:03d}.x"), "m-007.x");
        assert_eq!(written("{epoch}_{loss:.2f}"), "7_-0.12");
        assert_eq!(written("{loss:08.3f}|{epoch:4d}|{tiny:.2e}"), "-000.123|   7|1.50e-03");
        assert_eq!(written("{{epoch}}-{loss:f}"), "{epoch}--0.123456");
        assert_eq!(written("{other:.1f}"), "NaN");
        assert_eq!(written(""), "");
    }

    #[test]
    fn what_is_no_pattern() {
        for wrong in ["{epoch", "epoch}", "{}", "{epoch:x}", "{a{b}", "{epoch:.2d}", "{e:999d}"] {
            assert!(Pattern::parse(wrong).is_err(), "{wrong}");
        }
    }
}
