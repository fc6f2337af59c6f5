//! The values of arguments.

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Expr, ExprArray, ExprLit, Ident, Lit, LitStr, Token, Type,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    spanned::Spanned,
};

use crate::{signal::Signal, spelling::text};

const SEVERAL_OUTPUTS: &str = "several outputs are named by their fields, `outputs(first, second)`; the shape of one is given as `output = (Batch, 2)`";

/// A shape as `read` reads it, behind which there is no more of it, `= Batch, 2`.
pub(super) fn whole(
    key: &str,
    input: ParseStream,
    read: impl Fn(ParseStream) -> syn::Result<Signal>,
) -> syn::Result<Signal> {
    let behind = input.fork();
    behind.parse::<Option<Token![=]>>()?;
    let (span, mut sizes) = (behind.span(), text(&rest(&behind)?));
    let signal = read(input)?;
    let mut is_whole = true;
    while input.peek(Token![,]) && (input.peek2(Lit) || input.peek2(Token![_])) {
        input.parse::<Token![,]>()?;
        sizes = format!("{sizes}, {}", text(&rest(input)?));
        is_whole = false;
    }
    match is_whole {
        true => Ok(signal),
        false => {
            let message = format!("a shape stands in brackets: write `{key} = ({sizes})`");
            Err(syn::Error::new(span, message))
        }
    }
}

/// `= (Batch, 2)`.
pub(super) fn output(input: ParseStream) -> syn::Result<Signal> {
    let tuple = |input: ParseStream| {
        let content;
        syn::parenthesized!(content in input);
        let nested = content.peek(syn::token::Paren);
        rest(&content)?;
        while content.parse::<Option<Token![,]>>()?.is_some() {
            rest(&content)?;
        }
        Ok(nested)
    };
    if input.peek(syn::token::Paren) {
        let named = input.parse::<TokenTree>()?;
        let message = format!("several outputs are named by their fields: write `outputs{named}`");
        return Err(syn::Error::new(named.span(), message));
    }
    let fork = input.fork();
    fork.parse::<Option<Token![=]>>()?;
    let start = fork.span();
    match tuple(&fork) {
        Ok(true) => Err(syn::Error::new(start, SEVERAL_OUTPUTS)),
        _ => value(input),
    }
}

/// `(first, second)`.
pub(super) fn fields(input: ParseStream) -> syn::Result<Vec<Ident>> {
    let span = input.span();
    if input.peek(Token![=]) {
        return Err(syn::Error::new(span, SEVERAL_OUTPUTS));
    }
    let list = |input: ParseStream| {
        let content;
        syn::parenthesized!(content in input);
        let fields = Punctuated::<Ident, Token![,]>::parse_terminated(&content);
        // What is left of it would be an error of its own.
        content.parse::<TokenStream>()?;
        fields
    };
    let fields = list(input).map_err(|_| {
        syn::Error::new(
            span,
            "the outputs are fields of the struct: write `outputs(first, second)`",
        )
    })?;
    Ok(fields.into_iter().collect())
}

/// What stands before the next comma.
pub(super) fn rest(input: ParseStream) -> syn::Result<TokenStream> {
    let mut rest = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) && !input.peek(Token![;]) {
        rest.extend([input.parse::<TokenTree>()?]);
    }
    Ok(rest)
}

/// `= value`.
pub(crate) fn value<T: Parse>(input: ParseStream) -> syn::Result<T> {
    if input.parse::<Option<Token![:]>>()?.is_none() {
        input.parse::<Token![=]>()?;
    }
    input.parse()
}

/// A key by itself.
pub(crate) fn flag(key: &str, input: ParseStream) -> syn::Result<bool> {
    if input.peek(Token![=]) || input.peek(Token![:]) {
        return Err(input.error(format!("it stands by itself: write `{key}`")));
    }
    Ok(true)
}

/// `= ["a", "b"]`.
pub(super) fn names(input: ParseStream) -> syn::Result<Vec<LitStr>> {
    let list: ExprArray = value(input).map_err(|error| {
        let message = "the names of layers in the file are needed, such as `unmask = [\"conv1d\"]`";
        syn::Error::new(error.span(), message)
    })?;
    let name = |element: &Expr| match element {
        Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) => Ok(name.clone()),
        other => Err(syn::Error::new(other.span(), "the name of a layer is a text")),
    };
    list.elems.iter().map(name).collect()
}

/// A value of one kind; else the message.
pub(super) fn literal<T: Parse>(input: ParseStream, message: &str) -> syn::Result<T> {
    value(input).map_err(|error| syn::Error::new(error.span(), message))
}

/// `= f64`.
pub(super) fn element(input: ParseStream) -> syn::Result<(Type, Option<syn::Error>)> {
    let element: Type = literal(input, "the element is a type: write `element = f64`")?;
    let spelled = |name: &str| matches!(&element, Type::Path(path) if path.path.is_ident(name));
    let names = [("float64", "f64"), ("double", "f64"), ("float32", "f32"), ("float", "f32")];
    match names.into_iter().find(|(name, _)| spelled(name)) {
        Some((name, meant)) => {
            let message = format!("`{name}` is called `{meant}`: write `element = {meant}`");
            let wrong = syn::Error::new(element.span(), message);
            Ok((syn::parse_str(meant)?, Some(wrong)))
        }
        None => Ok((element, None)),
    }
}
