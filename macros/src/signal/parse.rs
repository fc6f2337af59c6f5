//! How signals are read.

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    LitInt, Path, Token, Type, bracketed, parenthesized,
    parse::{Parse, ParseStream, discouraged::Speculative},
    punctuated::Punctuated,
    token::{Bracket, Paren},
};

use super::{Dim, Signal, last_name};
use crate::spelling::text;

pub(super) const EXAMPLES: &str = "what a model takes or gives is a shape such as `(Batch, 10)`, a `Masked<(Batch, 10, 8)>` or `Ids<(Batch, 10)>`";

/// What others put around a shape.
const NO_SIGNALS: [&str; 5] = ["Tensor", "KerasTensor", "Input", "InputLayer", "Shape"];

/// What is said of several inputs as a list.
fn several(inputs: &TokenStream) -> String {
    format!("several inputs stand in `Inputs`: write `Inputs<({})>`", text(inputs))
}

impl Parse for Signal {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        if input.peek(Paren) {
            let span = input.fork().parse::<TokenTree>()?.span();
            let content;
            parenthesized!(content in input);
            if content.peek(Paren) {
                return Err(syn::Error::new(span, several(&content.parse()?)));
            }
            let dims = Punctuated::<Dim, Token![,]>::parse_terminated(&content);
            // What is left of it would be an error of its own.
            content.parse::<TokenStream>()?;
            return Ok(Self::Shape(span, dims?.into_iter().collect()));
        }
        let start = input.span();
        if input.peek(Bracket) {
            let content;
            bracketed!(content in input);
            let (one, list) = (content.peek(Paren), content.parse::<TokenStream>()?);
            let is_list = list.to_string().replace(' ', "").trim_end_matches(',').contains(">,");
            let message = match one || is_list {
                true => several(&list),
                false => EXAMPLES.to_owned(),
            };
            return Err(syn::Error::new(start, message));
        }
        if let Ok(size) = input.fork().parse::<LitInt>() {
            let message = format!("a shape begins with the batch: write `(Batch, {size})`");
            return Err(syn::Error::new(start, message));
        }
        let path =
            input.call(Path::parse_mod_style).map_err(|_| syn::Error::new(start, EXAMPLES))?;
        if NO_SIGNALS.contains(&last_name(&path).as_str()) && input.peek(Token![<]) {
            input.parse::<Token![<]>()?;
            let inside = text(&until_closed(input)?);
            input.parse::<Token![>]>()?;
            let shape =
                if inside.starts_with('(') { format!(": write `{inside}`") } else { String::new() };
            return Err(syn::Error::new(start, format!("a shape stands by itself{shape}")));
        }
        let of_shape = |dims: TokenStream| {
            let (name, dims) = (last_name(&path), text(&dims));
            if name == "Inputs" {
                return syn::Error::new(
                    start,
                    format!("several inputs are one tuple: write `Inputs<({dims})>`"),
                );
            }
            let dims = dims.trim_start_matches('(').trim_end_matches(')');
            let dims = if dims.contains(char::is_alphabetic) {
                dims.into()
            } else {
                format!("Batch, {dims}")
            };
            let message = format!("the shape stands in `<(` and `)>`: write `{name}<({dims})>`");
            syn::Error::new(start, message)
        };
        if input.peek(Paren) {
            let content;
            parenthesized!(content in input);
            return Err(of_shape(content.parse()?));
        }
        if !input.peek(Token![<]) {
            return Ok(Self::Named(path));
        }
        input.parse::<Token![<]>()?;
        let signal = if last_name(&path) == "Inputs" && input.peek(Paren) {
            let fork = input.fork();
            fork.parse::<TokenTree>()?;
            if fork.peek(Token![,]) {
                // `Inputs<(Batch, 10), (Batch, 12)>`.
                return Err(of_shape(until_closed(input)?));
            }
            let content;
            parenthesized!(content in input);
            let signals = Punctuated::<Signal, Token![,]>::parse_terminated(&content);
            // What is left of it would be an error of its own.
            content.parse::<TokenStream>()?;
            Self::Several(path, signals?.into_iter().collect())
        } else {
            let fork = input.fork();
            match fork.parse::<Signal>() {
                Ok(inner) if fork.peek(Token![>]) => {
                    input.advance_to(&fork);
                    Self::Wrapped(path, Box::new(inner))
                }
                Err(error) if input.peek(Paren) || input.peek2(Token![<]) => return Err(error),
                _ => return Err(of_shape(until_closed(input)?)),
            }
        };
        input.parse::<Token![>]>()?;
        Ok(signal)
    }
}

/// What stands before the next `>`.
fn until_closed(input: ParseStream) -> syn::Result<TokenStream> {
    let mut tokens = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![>]) {
        tokens.extend([input.parse::<TokenTree>()?]);
    }
    Ok(tokens)
}

impl Parse for Dim {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        if input.peek(Token![?]) {
            return Err(
                input.error("a length that is not known is `Length`, and the batch `Batch`")
            );
        }
        if input.peek(Token![_]) {
            return Err(input.error("a size is written, or `Length` where it is not known"));
        }
        let fork = input.fork();
        if let Ok(Type::Path(ty)) = fork.parse::<Type>()
            && ty.qself.is_none()
            && (fork.is_empty() || fork.peek(Token![,]))
        {
            input.advance_to(&fork);
            return Ok(Self::Named(ty.path));
        }
        Ok(Self::Size(input.parse()?))
    }
}
