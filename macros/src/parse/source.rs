use proc_macro2::Span;
use syn::{
    Attribute, Ident, LitFloat, LitInt, LitStr, Meta, Token,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    spanned::Spanned,
};

use crate::errors::Errors;

/// A place that `#[from(..)]` names: `embed`, `input`, or one of several with `.0`, `.1` and so on, of a `ReturnState` `.output`
/// and `.state`.
pub(crate) struct Source {
    pub(crate) name: Ident,
    /// Which part, how it is written, and where.
    pub(crate) parts: Vec<(usize, String, Span)>,
}

impl Parse for Source {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        if let Ok(name) = input.fork().parse::<LitStr>() {
            let message = format!("a field is named without quotes: write `{}`", name.value());
            return Err(syn::Error::new(name.span(), message));
        }
        if input.peek(Token![self]) {
            let message = "a field is named alone, without `self.`";
            return Err(input.error(message));
        }
        if input.peek(syn::token::Bracket) || input.peek(syn::token::Paren) {
            let message = "the fields stand one by one, without brackets: write `#[from(a, b)]`";
            return Err(input.error(message));
        }
        let name = input.parse().map_err(|error: syn::Error| {
            let message = "a source is the name of a field, or `input`: write `#[from(a, b)]`";
            syn::Error::new(error.span(), message)
        })?;
        let mut source = Self { name, parts: Vec::new() };
        while input.peek(Token![.]) {
            input.parse::<Token![.]>()?;
            // The compiler reads the end of `input.0.1` as the number 0.1.
            let mut named = None;
            let (digits, span) = if input.peek(Ident) {
                let part: Ident = input.parse()?;
                named = Some(part.to_string());
                match part.to_string().as_str() {
                    "output" => ("0".to_owned(), part.span()),
                    "state" => ("1".to_owned(), part.span()),
                    other => {
                        let message = format!(
                            "there is no part `.{other}`: of several inputs there are `.0`, `.1` and so on, of a `ReturnState` these are `.output` and `.state`"
                        );
                        return Err(syn::Error::new(part.span(), message));
                    }
                }
            } else if input.peek(LitFloat) {
                let number: LitFloat = input.parse()?;
                (number.to_string(), number.span())
            } else {
                let number: LitInt = input.parse()?;
                (number.to_string(), number.span())
            };
            for part in digits.split('.') {
                match part.parse() {
                    Ok(at @ 0..6) => {
                        let text = named.clone().unwrap_or_else(|| part.to_owned());
                        source.parts.push((at, text, span));
                    }
                    _ => {
                        let message = "of several inputs there are `.0` to `.5` at most";
                        return Err(syn::Error::new(span, message));
                    }
                }
            }
        }
        if !input.is_empty() && !input.peek(Token![,]) {
            let name = &source.name;
            let message = if input.peek(syn::token::Bracket) {
                format!("a part stands behind a point: write `{name}.0`")
            } else if input.peek(syn::token::Paren) {
                "fields are named, not called: write `#[from(a, b)]`, and a merge is a field of its own, `both: Concatenate<_>`".to_owned()
            } else if input.peek(Token![+]) {
                "a sum is a field of its own: `#[from(a, b)] sum: Add`".to_owned()
            } else {
                "the fields stand one by one, with commas: write `#[from(a, b)]`".to_owned()
            };
            return Err(input.error(message));
        }
        Ok(source)
    }
}

/// The sources in `#[from(..)]`; the attribute is taken away.
pub(crate) fn sources(attributes: &mut Vec<Attribute>, errors: &mut Errors) -> Option<Vec<Source>> {
    let (from, others): (Vec<_>, Vec<_>) =
        attributes.drain(..).partition(|attribute| attribute.path().is_ident("from"));
    *attributes = others;
    if let Some(second) = from.get(1) {
        errors.push(second.span(), "`#[from(..)]` is given twice: write `#[from(a, b)]`");
    }
    let attribute = from.into_iter().next()?;
    let parsed = match &attribute.meta {
        Meta::List(list) => list.parse_args_with(Punctuated::<Source, Token![,]>::parse_terminated),
        other => Err(syn::Error::new(other.span(), "write `#[from(name)]`, or `#[from(a, b)]`")),
    };
    match parsed {
        Ok(given) if given.is_empty() => {
            errors.push(
                attribute.span(),
                "name what the layer takes: write `#[from(input)]`, or `#[from(a, b)]`",
            );
            None
        }
        Ok(given) if given.len() > 6 => {
            errors.push(
                attribute.span(),
                "a layer takes from one place or from up to six: merge some of them in a field of their own",
            );
            None
        }
        Ok(given) => Some(given.into_iter().collect()),
        Err(error) => {
            errors.add(error);
            None
        }
    }
}
