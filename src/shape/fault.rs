use std::fmt;

/// What is wrong with a layer in its place, in words; nothing if it is right.
///
/// It is a value, so that the compiler tells it at the line of a model and not where the crate calculates it.
#[derive(Clone, Copy)]
pub struct Fault {
    text: [u8; 256],
    len: usize,
}

/// A part of such a text.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Words {
    Text(&'static str),
    Number(usize),
}

impl Fault {
    /// Nothing.
    pub const NONE: Self = Self { text: [0; 256], len: 0 };

    /// The parts, one behind the other. What does not fit is left out.
    pub(crate) const fn new(mut parts: &[Words]) -> Self {
        let mut fault = Self::NONE;
        while let [part, rest @ ..] = parts {
            fault = match *part {
                Words::Text(text) => fault.with(text.as_bytes()),
                Words::Number(number) => {
                    let (mut digits, mut at, mut left) = ([0; 20], 20, number);
                    while at == digits.len() || left > 0 {
                        at -= 1;
                        digits[at] = b'0' + (left % 10) as u8;
                        left /= 10;
                    }
                    fault.with(digits.split_at(at).1)
                }
            };
            parts = rest;
        }
        fault
    }

    const fn with(mut self, text: &[u8]) -> Self {
        let end = self.len + text.len();
        if end <= self.text.len() {
            self.text.split_at_mut(end).0.split_at_mut(self.len).1.copy_from_slice(text);
            self.len = end;
        }
        self
    }

    /// This one, or else another.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        if self.len == 0 { other } else { self }
    }

    /// The words.
    pub const fn as_str(&self) -> &str {
        match std::str::from_utf8(self.text.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => "",
        }
    }

    /// Tells it: a panic, and so an error where this is evaluated at compile time.
    ///
    /// # Panics
    /// If there is something wrong.
    #[track_caller]
    pub const fn tell(self) {
        if self.len > 0 {
            panic!("{}", self.as_str())
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fault").field(&self.as_str()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_are_joined() {
        let fault = Fault::new(&[Words::Number(0), Words::Text(" is not "), Words::Number(18431)]);
        assert_eq!(fault.as_str(), "0 is not 18431");
        assert_eq!(Fault::NONE.or(fault).as_str(), fault.as_str());
        assert_eq!(Fault::new(&[Words::Number(usize::MAX)]).as_str(), usize::MAX.to_string());
        Fault::NONE.tell();
    }
}
