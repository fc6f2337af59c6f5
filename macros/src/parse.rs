//! What the user wrote.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::{
    Attribute, Ident, LitFloat, LitInt, LitStr, Meta, Token, Type,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    spanned::Spanned,
};

use crate::{errors::Errors, signal::Signal, spelling::text};

/// The arguments of the attribute.
#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) input: Option<Signal>,
    pub(crate) output: Option<Signal>,
    pub(crate) element: Option<Type>,
    pub(crate) device: Option<Type>,
    /// The keys that were given, whether or not what follows makes sense.
    pub(crate) keys: Vec<String>,
    /// Whether `:` stood for `=`, which is told once.
    colon: bool,
    pub(crate) errors: Errors,
}

impl Parse for Arguments {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let mut arguments = Arguments::default();
        while !input.is_empty() {
            if let Err(error) = arguments.argument(input) {
                arguments.errors.add(error);
                // It may have been the input.
                arguments.keys.push("input".to_owned());
                skip_to_comma(input)?;
            }
            if !input.is_empty()
                && let Err(error) = input.parse::<Token![,]>()
            {
                arguments.errors.add(error);
            }
        }
        Ok(arguments)
    }
}

impl Arguments {
    fn argument(&mut self, input: ParseStream) -> syn::Result<()> {
        if !input.peek(Ident) {
            let (span, value) = (input.span(), text(&rest(&input.fork())?));
            let message = format!("an argument has a name: write `input = {value}`");
            return Err(syn::Error::new(span, message));
        }
        let key: Ident = input.parse()?;
        let name = key.to_string();
        if !["input", "output", "element", "device"].contains(&name.as_str()) {
            let message = format!(
                "`{key}` is no argument of `#[model]`: there are `input`, `output`, `element` and `device`"
            );
            return Err(syn::Error::new(key.span(), message));
        }
        if self.keys.contains(&name) {
            return Err(syn::Error::new(key.span(), format!("`{key}` is given twice")));
        }
        self.keys.push(name.clone());
        if input.peek(Token![:]) {
            let colon: Token![:] = input.parse()?;
            let value = text(&rest(&input.fork())?);
            if !self.colon {
                let message = format!("an argument stands behind `=`: write `{key} = {value}`");
                self.errors.push(colon.span(), message);
            }
            self.colon = true;
        } else {
            input.parse::<Token![=]>()?;
        }
        match name.as_str() {
            "input" => self.input = Some(input.parse()?),
            "output" => self.output = Some(input.parse()?),
            "element" => self.element = Some(input.parse()?),
            _ => self.device = Some(input.parse()?),
        }
        Ok(())
    }
}

pub(crate) fn skip_to_comma(input: ParseStream) -> syn::Result<()> {
    rest(input).map(drop)
}

/// What stands before the next comma.
fn rest(input: ParseStream) -> syn::Result<TokenStream> {
    let mut rest = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        rest.extend([input.parse::<TokenTree>()?]);
    }
    Ok(rest)
}

/// A place that `#[from(..)]` names: `embed`, `input`, or one of two with `.0` and `.1`.
pub(crate) struct Source {
    pub(crate) name: Ident,
    pub(crate) parts: Vec<(usize, Span)>,
}

impl Parse for Source {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        if let Ok(name) = input.fork().parse::<LitStr>() {
            let message = format!("a field is named without quotes: write `{}`", name.value());
            return Err(syn::Error::new(name.span(), message));
        }
        let mut source = Self { name: input.parse()?, parts: Vec::new() };
        while input.peek(Token![.]) {
            input.parse::<Token![.]>()?;
            // The compiler reads the end of `input.0.1` as the number 0.1.
            let (digits, span) = if input.peek(LitFloat) {
                let number: LitFloat = input.parse()?;
                (number.to_string(), number.span())
            } else {
                let number: LitInt = input.parse()?;
                (number.to_string(), number.span())
            };
            for part in digits.split('.') {
                match part {
                    "0" => source.parts.push((0, span)),
                    "1" => source.parts.push((1, span)),
                    _ => {
                        return Err(syn::Error::new(span, "of two inputs there are `.0` and `.1`"));
                    }
                }
            }
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
        Ok(given) if given.is_empty() || given.len() > 2 => {
            errors.push(
                attribute.span(),
                "a layer takes from one place or from two: merge the first two in a field of their own",
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
