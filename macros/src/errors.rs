//! All errors of a struct, to be told in one go.

use proc_macro2::{Span, TokenStream};

/// The errors that have been found so far.
#[derive(Default)]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    pub(crate) fn push(&mut self, span: Span, message: impl std::fmt::Display) {
        self.add(syn::Error::new(span, message));
    }

    pub(crate) fn add(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// The same, unless it has been told of another place.
    pub(crate) fn add_once(&mut self, error: syn::Error) {
        let mut told = self.0.clone().into_iter().flatten();
        if told.all(|other| other.to_string() != error.to_string()) {
            self.add(error);
        }
    }

    pub(crate) fn append(&mut self, others: Errors) {
        others.0.into_iter().for_each(|error| self.add(error));
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.iter().flatten().count()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// One `compile_error!` for each; nothing where there are none.
    pub(crate) fn tokens(&self) -> TokenStream {
        self.0.as_ref().map(syn::Error::to_compile_error).unwrap_or_default()
    }
}
