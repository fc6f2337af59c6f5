//! `_` in the type of a layer.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{
    GenericArgument, ItemStruct, Type, parse_quote_spanned, spanned::Spanned, visit_mut::VisitMut,
};

/// The places of `_` in a type.
pub(crate) fn holes(ty: &Type) -> Vec<Span> {
    struct Holes(Vec<Span>);
    impl VisitMut for Holes {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            if let Type::Infer(hole) = ty {
                self.0.push(hole.span());
            }
            syn::visit_mut::visit_type_mut(self, ty);
        }
    }
    let mut holes = Holes(Vec::new());
    holes.visit_type_mut(&mut ty.clone());
    holes.0
}

/// The type with something for each `_`.
pub(crate) fn fill(ty: &Type, with: &TokenStream) -> Type {
    struct Fill<'a>(&'a TokenStream);
    impl VisitMut for Fill<'_> {
        fn visit_generic_argument_mut(&mut self, argument: &mut GenericArgument) {
            if matches!(argument, GenericArgument::Type(Type::Infer(_))) {
                let (with, span) = (self.0, argument.span());
                let with = quote_spanned!(span => #with);
                *argument = parse_quote_spanned!(span => { #with });
            } else {
                syn::visit_mut::visit_generic_argument_mut(self, argument);
            }
        }
    }
    let mut ty = ty.clone();
    Fill(with).visit_type_mut(&mut ty);
    ty
}

/// The type with all of it at one place.
pub(crate) fn placed(ty: &Type, span: Span) -> Type {
    fn placed(tokens: TokenStream, span: Span) -> TokenStream {
        let place = |mut tree: TokenTree| {
            if let TokenTree::Group(group) = &tree {
                tree = Group::new(group.delimiter(), placed(group.stream(), span)).into();
            }
            // Names are looked up where they stood.
            tree.set_span(tree.span().located_at(span));
            tree
        };
        tokens.into_iter().map(place).collect()
    }
    syn::parse2(placed(quote!(#ty), span)).unwrap_or_else(|_| ty.clone())
}

/// The struct with 0 for each `_`, instead of one that is no model.
pub(crate) fn without_holes(mut item: ItemStruct) -> ItemStruct {
    for field in &mut item.fields {
        field.ty = fill(&field.ty, &quote!(0));
    }
    item
}
