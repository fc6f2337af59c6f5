//! Signals as people write them: `(Batch, 28, 28, 1)`, `Ids<(Batch, 100)>`, `Masked<(Batch, 10, 8)>`.

mod parse;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, GenericParam, Generics, Path, PathArguments, spanned::Spanned};

use crate::{
    errors::Errors,
    spelling::{calculation, text},
};
use parse::EXAMPLES;

/// A signal as it is written.
pub(crate) enum Signal {
    /// `(Batch, 10)`.
    Shape(Span, Vec<Dim>),
    /// `Masked<..>`, `Ids<..>`, or one of the user's own.
    Wrapped(Path, Box<Signal>),
    /// `Inputs<(.., ..)>`.
    Several(Path, Vec<Signal>),
    /// A type by its name alone.
    Named(Path),
}

/// One dimension of a shape: a type such as `Batch`, or a size.
pub(crate) enum Dim {
    Named(Path),
    Size(Expr),
}

impl Signal {
    pub(crate) fn span(&self) -> Span {
        match self {
            Self::Shape(span, _) => *span,
            Self::Wrapped(path, _) | Self::Several(path, _) | Self::Named(path) => path.span(),
        }
    }

    /// The type that names the signal, in a struct with these generic parameters.
    pub(crate) fn tokens(&self, generics: &Generics) -> TokenStream {
        match self {
            Self::Shape(span, dims) => {
                let dims = dims.iter().map(|dim| dim.tokens(generics));
                quote_spanned!(*span => (#(#dims,)*))
            }
            Self::Wrapped(path, inner) => {
                let inner = inner.tokens(generics);
                quote_spanned!(path.span() => #path<#inner>)
            }
            Self::Several(path, signals) => {
                let signals = signals.iter().map(|signal| signal.tokens(generics));
                quote_spanned!(path.span() => #path<(#(#signals,)*)>)
            }
            Self::Named(path) => quote!(#path),
        }
    }

    pub(crate) fn check(&self, generics: &Generics, errors: &mut Errors) {
        match self {
            Self::Shape(span, dims) if dims.is_empty() => errors.push(*span, EXAMPLES),
            Self::Shape(_, dims) => {
                let calculated = dims.iter().find_map(|dim| match dim {
                    Dim::Size(size) => {
                        Some((size, calculation(generics, &size.to_token_stream())?))
                    }
                    Dim::Named(_) => None,
                });
                if let Some((size, message)) = calculated {
                    errors.add(syn::Error::new_spanned(size, message));
                    return;
                }
                let wrong = dims
                    .iter()
                    .enumerate()
                    .find_map(|(place, dim)| Some((dim, dim.wrong(place == 0, generics)?)));
                if let Some((dim, problem)) = wrong {
                    let written = as_meant(dims, generics);
                    errors.push(dim.span(), format!("{problem}: write `{written}`"));
                }
            }
            Self::Wrapped(path, inner) => {
                inner.check(generics, errors);
                match (&**inner, last_name(path).as_str()) {
                    (Self::Shape(span, dims), "Masked") if dims.len() == 1 => errors.push(
                        *span,
                        "a mask says which time steps are real: write `Masked<(Batch, Length, ..)>`",
                    ),
                    (Self::Wrapped(within, _), "Masked") if last_name(within) == "Ids" => {
                        let message = "ids get their mask from the `Embedding` behind them, `Embedding<10_000, 16, MaskZero>`: write `Ids<(Batch, 10)>`";
                        errors.push(inner.span(), message);
                    }
                    (Self::Wrapped(..) | Self::Several(..), "Masked" | "Ids") => {
                        errors.push(inner.span(), "a shape is needed here, such as `(Batch, 10)`");
                    }
                    _ => {}
                }
            }
            Self::Several(path, signals) => {
                signals.iter().for_each(|signal| signal.check(generics, errors));
                if !(2..=6).contains(&signals.len()) {
                    let message = match signals.len() {
                        1 => "one input is written alone, without `Inputs`",
                        _ => {
                            "`Inputs` are two to six: more of them nest, `Inputs<(.., Inputs<(.., ..)>)>`"
                        }
                    };
                    errors.push(path.span(), message);
                }
            }
            Self::Named(path) => {
                if ["Batch", "Length", "usize"].contains(&last_name(path).as_str()) {
                    errors.push(path.span(), EXAMPLES);
                }
            }
        }
    }
}

impl Dim {
    fn span(&self) -> Span {
        match self {
            Self::Named(path) => path.span(),
            Self::Size(size) => size.span(),
        }
    }

    fn tokens(&self, generics: &Generics) -> TokenStream {
        match self {
            Self::Named(path) if self.is_size(generics) => {
                quote_spanned!(path.span() => ::kerata::Const<{ #path }>)
            }
            Self::Named(path) => quote!(#path),
            Self::Size(size) => quote_spanned!(size.span() => ::kerata::Const<{ #size }>),
        }
    }

    /// The number, if this is one.
    pub(crate) fn size(&self, generics: &Generics) -> Option<TokenStream> {
        self.is_size(generics).then(|| match self {
            Self::Named(path) => quote!(#path),
            Self::Size(size) => quote!(#size),
        })
    }

    /// What is wrong with it, as the batch or behind it.
    fn wrong(&self, batch: bool, generics: &Generics) -> Option<&'static str> {
        let dim = match self {
            Self::Named(path) if path.is_ident("None") && batch => {
                return Some("`None` is `Batch` here");
            }
            Self::Named(path) if path.is_ident("None") => return Some("`None` is `Length` here"),
            Self::Named(path) if within(path).is_some() && !batch => {
                return Some("a length that is known is its number");
            }
            Self::Named(path) => path.to_token_stream(),
            Self::Size(size) => size.to_token_stream(),
        };
        let with_size = matches!(self, Self::Named(path) if within(path).is_some());
        if batch && (with_size || self.is_size(generics) || is_small(self)) {
            return Some("the first dimension is the batch, whose size is not in the type");
        }
        let dim = dim.to_string();
        if dim == "Batch" && !batch {
            return Some("the batch comes first, and a length that is not known is `Length`");
        }
        let number = dim.trim_end_matches("usize").trim_end_matches('_');
        if number == "0" || number.starts_with('-') {
            return Some("a size is at least 1");
        }
        None
    }

    /// Whether this is a number. Of a name, the generic parameters say it; otherwise a constant is what is
    /// written in capitals.
    fn is_size(&self, generics: &Generics) -> bool {
        let path = match self {
            Self::Named(path) => path,
            Self::Size(_) => return true,
        };
        let parameter = generics.params.iter().find_map(|parameter| match parameter {
            GenericParam::Const(of) if path.is_ident(&of.ident) => Some(true),
            GenericParam::Type(of) if path.is_ident(&of.ident) => Some(false),
            _ => None,
        });
        parameter.unwrap_or_else(|| {
            let plain = path
                .segments
                .last()
                .is_some_and(|last| matches!(last.arguments, PathArguments::None));
            plain && last_name(path).chars().all(|c| !c.is_lowercase())
        })
    }
}

/// A name in small letters, which is no type.
fn is_small(dim: &Dim) -> bool {
    matches!(dim, Dim::Named(path) if path.get_ident().is_some_and(|name| {
        name.to_string().starts_with(char::is_lowercase) && name != "usize"
    }))
}

/// The 20 in `Length<20>`.
fn within(path: &Path) -> Option<String> {
    let last = path.segments.last()?;
    let known = path.segments.len() == 1 && (last.ident == "Length" || last.ident == "Batch");
    match &last.arguments {
        PathArguments::AngleBracketed(given) if known => Some(text(&given.args)),
        _ => None,
    }
}

/// The shape that was meant.
fn as_meant(dims: &[Dim], generics: &Generics) -> String {
    let mut texts = Vec::new();
    for (place, dim) in dims.iter().enumerate() {
        let written = match dim {
            Dim::Named(path) => text(path),
            Dim::Size(size) => text(size),
        };
        let size = dim.is_size(generics) && !written.starts_with('-');
        // A batch with a size in it was none: Keras leaves the batch out.
        let batch = written.to_lowercase().starts_with("batch");
        if place == 0 {
            texts.push("Batch".to_owned());
            if !size || batch {
                continue;
            }
        }
        let problem = dim.wrong(false, generics).is_some();
        match written.as_str() {
            "None" => texts.push("Length".to_owned()),
            "Batch" => {}
            _ if let Dim::Named(path) = dim
                && let Some(size) = within(path) =>
            {
                texts.push(size)
            }
            _ if problem && dim.is_size(generics) => texts.push("10".to_owned()),
            _ => texts.push(written),
        }
    }
    format!("({})", texts.join(", "))
}

/// What makes the names of the crate in a signal that was refused used all the same: an import of them is no warning.
pub(crate) fn used(written: TokenStream) -> TokenStream {
    const NAMES: [&str; 6] = ["Batch", "Length", "Ids", "Masked", "Inputs", "Const"];
    let (mut names, mut in_path) = (Vec::new(), false);
    for tree in flat(written) {
        let is_path = matches!(&tree, TokenTree::Punct(of) if of.as_char() == ':');
        let was_path = std::mem::replace(&mut in_path, is_path);
        if let TokenTree::Ident(name) = tree
            && !was_path
            && NAMES.iter().any(|known| name == known)
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    quote!(#(#[allow(unused_imports)] use #names as _;)*)
}

fn flat(tokens: TokenStream) -> Vec<TokenTree> {
    let each = |tree| match tree {
        TokenTree::Group(group) => flat(group.stream()),
        other => vec![other],
    };
    tokens.into_iter().flat_map(each).collect()
}

/// The last segment of a path.
pub(crate) fn last_name(path: &Path) -> String {
    path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default()
}
