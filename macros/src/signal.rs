//! Signals as people write them: `(Batch, 28, 28, 1)`, `Ids<(Batch, 100)>`, `Masked<(Batch, 10, 8)>`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Expr, GenericArgument, Ident, Path, PathArguments, Token, Type, parenthesized,
    parse::{Parse, ParseStream, discouraged::Speculative},
    punctuated::Punctuated,
    spanned::Spanned,
    token::Paren,
};

/// A signal, turned into the type that names it.
pub(crate) struct Signal {
    pub(crate) tokens: TokenStream,
    pub(crate) span: Span,
}

impl ToTokens for Signal {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.tokens.to_tokens(tokens);
    }
}

impl Parse for Signal {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let span = input.span();
        if input.peek(Paren) {
            let content;
            parenthesized!(content in input);
            let dims = Punctuated::<Dim, Token![,]>::parse_terminated(&content)?;
            let dims = dims.iter();
            return Ok(Self { tokens: quote_spanned!(span => (#(#dims,)*)), span });
        }
        let path = input.call(Path::parse_mod_style)?;
        if !input.peek(Token![<]) {
            return Ok(Self { tokens: quote!(#path), span });
        }
        input.parse::<Token![<]>()?;
        let several = path.segments.last().is_some_and(|last| last.ident == "Inputs");
        let inner = if several && input.peek(Paren) {
            let content;
            parenthesized!(content in input);
            let signals = Punctuated::<Signal, Token![,]>::parse_terminated(&content)?;
            let signals = signals.iter();
            quote!((#(#signals,)*))
        } else {
            input.parse::<Signal>()?.tokens
        };
        input.parse::<Token![>]>()?;
        Ok(Self { tokens: quote_spanned!(span => #path<#inner>), span })
    }
}

/// One dimension of a shape: a type such as `Batch`, or a size.
struct Dim(TokenStream);

impl ToTokens for Dim {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.0.to_tokens(tokens);
    }
}

impl Parse for Dim {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let fork = input.fork();
        if let Ok(Type::Path(path)) = fork.parse::<Type>()
            && (fork.is_empty() || fork.peek(Token![,]))
            && is_type(&path.path)
        {
            input.advance_to(&fork);
            return Ok(Self(quote!(#path)));
        }
        let size: Expr = input.parse()?;
        Ok(Self(quote_spanned!(size.span() => ::kerata::Const<{ #size }>)))
    }
}

/// Whether a path in the place of a dimension is a type: constants are written in capitals.
fn is_type(path: &Path) -> bool {
    let Some(last) = path.segments.last() else { return false };
    let name = last.ident.to_string();
    let capitals = name.chars().all(|c| !c.is_lowercase()) && name.chars().count() > 1;
    !matches!(last.arguments, PathArguments::None) || !capitals
}

/// The names in `#[from(a, b)]`.
pub(crate) fn names(arguments: &Punctuated<Ident, Token![,]>) -> Vec<Ident> {
    arguments.iter().cloned().collect()
}

/// The last segment of a type's path, for messages.
pub(crate) fn short_name(ty: &Type) -> String {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|s| s.ident.to_string()),
        _ => None,
    }
    .unwrap_or_else(|| ty.to_token_stream().to_string())
}

/// Whether an argument of a layer is `_`.
pub(crate) fn is_hole(argument: &GenericArgument) -> bool {
    matches!(argument, GenericArgument::Type(Type::Infer(_)))
}
