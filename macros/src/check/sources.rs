//! What a field names of the fields before it: `#[from(..)]` and `#[again(..)]`.

use proc_macro2::Span;
use quote::ToTokens;
use syn::{PathArguments, Type, parse_quote, spanned::Spanned};

use super::{Model, Part};
use crate::{
    infer,
    parse::{Again, Source, With},
    signal::last_name,
};

impl Model {
    /// The field whose layer `#[again(..)]` calls once more, and its type, at the place of this one.
    pub(super) fn called_again(
        &mut self,
        ty: &mut Type,
        again: &Again,
        with: &With,
    ) -> Option<(usize, Type)> {
        let is_again = matches!(ty, Type::Path(path) if last_name(&path.path) == "Again");
        let Again::Of(name) = again else {
            if is_again && matches!(again, Again::No) {
                let named = written_in(ty).unwrap_or_else(|| "field".to_owned());
                let message =
                    format!("which layer is called again? Write `#[again({named})]` in front");
                self.errors.push(ty.span(), message);
                // Else what stands in it is told of as well.
                *ty = parse_quote!(::kerata::Again);
            }
            return None;
        };
        if !is_again {
            let message = format!("a field that calls `{name}` again is of the type `Again`");
            self.errors.push(ty.span(), message);
        }
        let of = self.layers.iter().position(|layer| layer.name == *name);
        let Some(of) = of else {
            let message = format!("no field before this one has the name `{name}`");
            self.errors.push(name.span(), message);
            return None;
        };
        let With { name: renamed, frozen, options, rules } = with;
        if renamed.is_some() || *frozen || !options.is_empty() || !rules.is_empty() {
            let message = format!("the options are those of `{name}`: `#[with(..)]` stands there");
            self.errors.push(ty.span(), message);
        }
        // Of a call of a call, it is that of the layer.
        let of = self.layers[of].again.unwrap_or(of);
        let placed = infer::placed(&self.layers[of].ty, ty.span());
        Some((of, placed))
    }

    /// The numbers of the values that `#[from(..)]` names.
    pub(super) fn resolve(&mut self, sources: &[Source], fields: usize) -> Option<Vec<usize>> {
        let mut values = Vec::new();
        for Source { name, parts } in sources {
            let field = self.layers.iter().position(|layer| layer.name == *name);
            let Some(value) = field.map(|i| i + 1).or_else(|| (name == "input").then_some(0))
            else {
                let fields = self.layers.iter().map(|layer| format!("`{}`", layer.text()));
                let known: Vec<_> = std::iter::once("`input`".to_owned()).chain(fields).collect();
                let message = match name.to_string().as_str() {
                    "inputs" | "x" | "self" => {
                        format!("what the model takes is called `input`, not `{name}`")
                    }
                    _ => format!(
                        "no field before this one has the name `{name}`: there are {}",
                        known.join(", ")
                    ),
                };
                // Who takes it twice has misspelt it twice.
                if !self.unknown.contains(name) {
                    self.errors.push(name.span(), message);
                    self.unknown.push(name.clone());
                }
                return None;
            };
            let part = |of, (at, text, span): &(usize, String, Span)| {
                let (at, span) = (*at, *span);
                let known = self.parts.iter().position(|part| (part.of, part.at) == (of, at));
                let index = known.unwrap_or_else(|| {
                    self.parts.push(Part { of, at, text: text.clone(), span });
                    self.parts.len() - 1
                });
                fields + 1 + index
            };
            values.push(parts.iter().fold(value, part));
        }
        Some(values)
    }
}

/// The field in `Again<tower>`.
fn written_in(ty: &Type) -> Option<String> {
    let Type::Path(path) = ty else { return None };
    match &path.path.segments.last()?.arguments {
        PathArguments::AngleBracketed(given) => {
            let field: syn::Ident = syn::parse2(given.args.to_token_stream()).ok()?;
            Some(field.to_string())
        }
        _ => None,
    }
}
