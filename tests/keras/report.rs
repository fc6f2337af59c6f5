//! What became of each variant of a case. A variant that is passed over needs a reason, and a reason can be
//! found out to be stale.

use std::{fmt::Debug, path::Path};

use kerata::Error;

/// What became of a variant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Outcome {
    /// Typed layers, or typed functions, gave what Keras gave.
    Typed,
    /// A layer that was made from a config gave what Keras gave.
    Dynamic,
    /// A test in this file, of another target, looks at it.
    Elsewhere(&'static str),
    /// Nothing looks at it.
    Skipped(&'static Reason),
}

/// Why a variant is passed over.
#[derive(Debug, PartialEq)]
pub(crate) struct Reason {
    pub(crate) text: &'static str,
    pub(crate) until: Until,
}

/// What ends a reason.
#[derive(Debug, PartialEq)]
pub(crate) enum Until {
    /// The source in this folder declares this.
    Declared { folder: &'static str, item: &'static str },
    /// What is refused now is accepted: the test tries it, see [`Report::refused`].
    Accepted,
    /// Nothing: this crate differs from Keras on purpose, or the case is only a note.
    Never,
}

impl Reason {
    /// Fails if the reason has ended.
    fn check(&self) {
        if let Until::Declared { folder, item } = self.until {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            assert!(
                !declares(&folder, item),
                "the reason \"{}\" is stale: `{item}` is declared in {}",
                self.text,
                folder.display()
            );
        }
    }
}

/// Whether a source file in this folder has these words, with no letter before or behind.
fn declares(folder: &Path, item: &str) -> bool {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    entries.map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return declares(&path, item);
        }
        let source = std::fs::read_to_string(&path).unwrap();
        let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        source.match_indices(item).any(|(at, _)| {
            let (before, behind) = (&source[..at], &source[at + item.len()..]);
            !is_word(before.chars().next_back()) && !is_word(behind.chars().next())
        })
    })
}

/// What a test says about the variants of its case.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) outcomes: Vec<(String, Outcome)>,
}

impl Report {
    fn add(&mut self, variant: impl Into<String>, outcome: Outcome) {
        self.outcomes.push((variant.into(), outcome));
    }

    /// A typed layer or function was compared with Keras.
    pub(crate) fn typed(&mut self, variant: impl Into<String>) {
        self.add(variant, Outcome::Typed);
    }

    /// A typed layer or function was compared with Keras, unless there is a reason why not.
    pub(crate) fn typed_unless(
        &mut self,
        variant: impl Into<String>,
        passed_over: Option<&'static Reason>,
    ) {
        match passed_over {
            None => self.typed(variant),
            Some(reason) => self.skipped(variant, reason),
        }
    }

    /// A layer from a config was compared with Keras.
    pub(crate) fn dynamic(&mut self, variant: impl Into<String>) {
        self.add(variant, Outcome::Dynamic);
    }

    /// A test of another target looks at this case. The file is looked into.
    pub(crate) fn elsewhere(&mut self, case: &str, variant: impl Into<String>, file: &'static str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let source = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{file}: {e}"));
        let opens = format!("Case::open(\"{case}\")");
        assert!(source.contains(&opens), "{file} does not look at the case `{case}`");
        self.add(variant, Outcome::Elsewhere(file));
    }

    /// The variant is passed over.
    pub(crate) fn skipped(&mut self, variant: impl Into<String>, reason: &'static Reason) {
        assert!(reason.until != Until::Accepted, "\"{}\" needs to be tried", reason.text);
        reason.check();
        self.add(variant, Outcome::Skipped(reason));
    }

    /// The variant is passed over because the crate refuses it: here is its attempt.
    pub(crate) fn refused<T: Debug>(
        &mut self,
        variant: impl Into<String>,
        attempt: Result<T, Error>,
        reason: &'static Reason,
    ) {
        let variant = variant.into();
        assert!(
            attempt.is_err(),
            "the reason \"{}\" is stale: `{variant}` is no longer refused",
            reason.text
        );
        self.add(variant, Outcome::Skipped(reason));
    }
}
