//! What is no Rust in the type of a field, but can be answered.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{Generics, ItemStruct, Token, Type, parse::Parser, parse_quote, punctuated::Punctuated};

use crate::spelling;

/// Puts braces around negative numbers and tuples of numbers, nested or not, among generic arguments, and makes `Relu<>` of `Relu()` there: `syn` reads
/// these.
pub(crate) fn brace(item: TokenStream) -> TokenStream {
    item.into_iter()
        .map(|tree| match tree {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                let mut braced = Group::new(Delimiter::Brace, arguments(group.stream()));
                braced.set_span(group.span());
                braced.into()
            }
            other => other,
        })
        .collect()
}

fn arguments(fields: TokenStream) -> TokenStream {
    let mut trees: Vec<TokenTree> = Vec::new();
    let mut rest = fields.into_iter().peekable();
    while let Some(tree) = rest.next() {
        let before = trees.last();
        let begins = ['<', ',', '='].iter().any(|&punct| is_punct(before, punct));
        let braced: Option<TokenStream> = match (&tree, rest.peek()) {
            (TokenTree::Punct(minus), Some(TokenTree::Literal(_)))
                if begins && minus.as_char() == '-' =>
            {
                rest.next().map(|number| [tree.clone(), number].into_iter().collect())
            }
            (TokenTree::Group(group), _) if begins && is_numbers(group) => {
                Some(tree.clone().into())
            }
            _ => None,
        };
        let span = tree.span();
        if is_call(&trees, &tree) {
            trees.extend(quote_spanned!(span => <>));
            continue;
        }
        trees.push(braced.map_or(tree, |inside| {
            let mut group = Group::new(Delimiter::Brace, inside);
            group.set_span(span);
            group.into()
        }));
    }
    trees.into_iter().collect()
}

/// Whether this is a tuple of numbers, or one of such tuples.
fn is_numbers(group: &Group) -> bool {
    let first = group.stream().into_iter().next();
    group.delimiter() == Delimiter::Parenthesis
        && match &first {
            Some(TokenTree::Literal(_)) => true,
            Some(TokenTree::Group(inner)) => is_numbers(inner),
            minus => is_punct(minus.as_ref(), '-'),
        }
}

/// Whether this is the `()` of a generic argument `Relu()`.
fn is_call(before: &[TokenTree], tree: &TokenTree) -> bool {
    let [.., begin, TokenTree::Ident(_)] = before else { return false };
    let TokenTree::Group(group) = tree else { return false };
    let empty = group.delimiter() == Delimiter::Parenthesis && group.stream().is_empty();
    empty && (is_punct(Some(begin), '<') || is_punct(Some(begin), ','))
}

fn is_punct(tree: Option<&TokenTree>, wanted: char) -> bool {
    matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

/// Whether this begins as a struct does. If it is none all the same, it is no Rust, and the compiler has said so.
pub(crate) fn is_struct(item: &TokenStream) -> bool {
    name(item).is_some()
}

/// What follows `struct`.
fn name(item: &TokenStream) -> Option<Ident> {
    let mut words = item.clone().into_iter().filter_map(|tree| match tree {
        TokenTree::Ident(word) => Some(word),
        _ => None,
    });
    let first = words.by_ref().find(|word| word != "pub")?;
    if first == "struct" { words.next() } else { None }
}

/// A model of that name, so that what uses it adds no errors of its own.
pub(crate) fn instead(item: &TokenStream) -> Option<ItemStruct> {
    let generic = item.clone().into_iter().any(|tree| is_punct(Some(&tree), '<'));
    let name = name(item).filter(|_| !generic)?;
    let public = item
        .clone()
        .into_iter()
        .any(|tree| matches!(&tree, TokenTree::Ident(word) if word == "pub"));
    let public = public.then(|| quote!(pub));
    Some(parse_quote!(#public struct #name { layer: ::kerata::Identity }))
}

/// What is said of the first layer that is called as a function, `Dense(32)` or `Dense::new(4, 8)`. If the compiler has said that this is no type, it
/// is a warning, of a constant. It is content with types in the parentheses, or nothing: then it is an error.
pub(crate) fn called(item: &TokenStream) -> TokenStream {
    let content = syn::parse2::<ItemStruct>(without_calls(item.clone())).is_ok();
    let groups = item.clone().into_iter().filter_map(|tree| match tree {
        TokenTree::Group(group) if group.delimiter() != Delimiter::Bracket => Some(group.stream()),
        _ => None,
    });
    let call = groups.filter_map(|fields| first_call(fields, content)).next();
    let Some((name, words)) = call else { return TokenStream::new() };
    if content {
        return syn::Error::new(name.span(), words).to_compile_error();
    }
    quote_spanned! {name.span() =>
        const _: () = {
            #[deprecated(note = #words)]
            #[allow(non_upper_case_globals)]
            const #name: () = ();
            #name
        };
    }
}

/// The first that is called, and what is said of it: of any, or only of a layer that is known.
fn first_call(fields: TokenStream, any: bool) -> Option<(Ident, String)> {
    let trees: Vec<TokenTree> = fields.into_iter().collect();
    trees.iter().enumerate().find_map(|(at, tree)| {
        let TokenTree::Ident(name) = tree else { return None };
        let new = matches!(trees.get(at + 3), Some(TokenTree::Ident(new)) if new == "new");
        let Some(TokenTree::Group(given)) = trees.get(at + if new { 4 } else { 1 }) else {
            return None;
        };
        if given.delimiter() != Delimiter::Parenthesis || name == "pub" {
            return None;
        }
        let given = given.stream();
        let braced = arguments(quote!(<#given>));
        let written = syn::parse2::<Type>(quote!(#name #braced));
        let line = written.ok().and_then(|ty| spelling::line(&Generics::default(), &ty));
        let line = line.or_else(|| any.then(|| format!("{name}<..>")))?;
        let words = format!("a layer is a type, which is not called: write `{line}`");
        Some((name.clone(), words))
    })
}

/// Without parentheses behind names.
fn without_calls(tokens: TokenStream) -> TokenStream {
    let mut trees: Vec<TokenTree> = Vec::new();
    for tree in tokens {
        match (&tree, trees.last()) {
            (TokenTree::Group(group), Some(TokenTree::Ident(_)))
                if group.delimiter() == Delimiter::Parenthesis && are_types(group) => {}
            (TokenTree::Group(group), _) if group.delimiter() != Delimiter::Bracket => {
                let mut inner = Group::new(group.delimiter(), without_calls(group.stream()));
                inner.set_span(group.span());
                trees.push(inner.into());
            }
            _ => trees.push(tree),
        }
    }
    trees.into_iter().collect()
}

/// Whether types stand in these parentheses, or nothing.
fn are_types(group: &Group) -> bool {
    let types = Punctuated::<Type, Token![,]>::parse_terminated;
    types.parse2(without_calls(group.stream())).is_ok()
}
