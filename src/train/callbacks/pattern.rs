//! Names of files with places for numbers, `model-{epoch:02d}-{val_loss:.2f}.safetensors`, as Python formats them.

use super::python::NumberFormat;
use crate::error::Error;

/// The names whose numbers are whole.
const WHOLE: [&str; 2] = ["epoch", "batch"];

const EXPECTED: &str = "in braces stand a name and how Python writes its number, `{epoch:02d}` or `{val_loss:.2f}`: a fill, `<>^=`, `+- `, `0`, \
    the width and `.` with the precision, then one of `eEfFgG%`, or `d` of an epoch or batch";

/// A pattern, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pattern(Vec<Piece>);

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    Number { name: String, format: NumberFormat },
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
                    let (name, spec) = inside.split_once(':').unwrap_or((&inside, ""));
                    let is_whole = WHOLE.contains(&name);
                    let format = NumberFormat::parse(spec, is_whole).filter(|_| !name.is_empty());
                    let format = format.ok_or_else(|| wrong(EXPECTED))?;
                    pieces.push(Piece::Number { name: name.to_owned(), format });
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
            Piece::Number { name, format } => format.write(value(name).unwrap_or(f64::NAN)),
        };
        self.0.iter().map(piece).collect()
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
        assert_eq!(written("{other:.1f}"), "nan");
        assert_eq!(written(""), "");
    }

    #[test]
    fn what_is_no_pattern() {
        for wrong in [
            "{epoch",
            "epoch}",
            "{}",
            "{epoch:x}",
            "{a{b}",
            "{epoch:.2d}",
            "{e:999d}",
            "{loss:d}",
            "{:d}",
        ] {
            assert!(Pattern::parse(wrong).is_err(), "{wrong}");
        }
    }
}
