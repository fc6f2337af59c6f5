//! What is said of a type that cannot be that of a field.

use proc_macro2::TokenStream;
use syn::Type;

use crate::{errors::Errors, names::listed};

/// What is wrong with a type, and the line that was meant.
pub(crate) struct Refused {
    /// Where; nowhere if it has been told of another field.
    pub(super) at: TokenStream,
    pub(super) problem: String,
    /// The layer as it should be written.
    pub(super) line: Option<String>,
    /// The type of the whole field with it, if the layer is within another.
    pub(super) whole: Option<String>,
    /// A line below the others.
    pub(super) hint: String,
    /// Whether the layer has another name here.
    pub(super) misnamed: bool,
    /// A type that can be that of a field.
    pub(super) instead: TokenStream,
}

impl Refused {
    pub(super) fn new(at: TokenStream, problem: String, instead: TokenStream) -> Self {
        let (line, whole, hint) = (None, None, String::new());
        Self { at, problem, line, whole, hint, misnamed: false, instead }
    }

    /// What was written, or meant: options of it are held against that.
    pub(crate) fn meant(&self, written: &Type) -> Type {
        let line =
            self.whole.as_ref().or(self.line.as_ref()).and_then(|line| syn::parse_str(line).ok());
        line.unwrap_or_else(|| written.clone())
    }

    /// Tells it.
    pub(crate) fn tell(&self, errors: &mut Errors) {
        let Self { at, problem, line, hint, .. } = self;
        let write = line.as_ref().map(|line| format!(": write `{line}`")).unwrap_or_default();
        if !at.is_empty() {
            errors.add(syn::Error::new_spanned(at, format!("{problem}{write}{hint}")));
        }
    }

    /// Tells a wrong name together with options that are parameters of the type, which is then `line`; whether it has.
    pub(crate) fn tell_with(&self, keys: &[&str], line: &str, errors: &mut Errors) -> bool {
        if self.misnamed {
            let (names, problem) = (listed(keys), &self.problem);
            let are = if keys.len() == 1 { "is a parameter" } else { "are parameters" };
            let message = format!("{problem}, and {names} {are} of the type: write `{line}`");
            errors.add(syn::Error::new_spanned(&self.at, message));
        }
        self.misnamed
    }
}
