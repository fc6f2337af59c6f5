//! Merging layers that one signal alone reaches.

use quote::ToTokens;
use syn::Type;

use crate::{check::Model, signal::last_name, spelling};

const MERGES: [&str; 8] =
    ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"];

/// Layers of the crate that may give several signals.
const MANY: [&str; 5] = ["Shared", "ReturnState", "Bidirectional", "Identity", "Inner"];

impl Model {
    /// Answers a merging layer whose input is known to be one signal. What is not known here, the compiler tells by the types.
    pub(crate) fn check_merges(&mut self) {
        // A source that is wrong has been told.
        let layers = if self.errors.is_empty() { self.layers.len() } else { 0 };
        for i in 0..layers {
            let layer = &self.layers[i];
            let (Some(name), [source]) = (ours(&layer.ty), layer.from.as_slice()) else { continue };
            if !MERGES.contains(&name.as_str()) || !self.is_one(*source) {
                continue;
            }
            let how_many = match name.as_str() {
                "Subtract" | "Dot" => "two inputs",
                _ => "two inputs or more",
            };
            let value = |value: usize| match value {
                0 => "input".to_owned(),
                field => self.layers[field - 1].name.to_string(),
            };
            // Those that are most likely meant.
            let last = i.max(1);
            let (first, second) = (value(last - 1), value(last));
            let message = match i {
                0 => format!("`{name}` merges {how_many}: `#[from(..)]` in front of it names them"),
                _ => format!(
                    "`{name}` merges {how_many}: name them in front of it, as in `#[from({second}, {first})]`"
                ),
            };
            let ty = layer.ty.to_token_stream();
            self.errors.add(syn::Error::new_spanned(ty, message));
        }
    }

    /// Whether a value is one signal for sure.
    fn is_one(&self, value: usize) -> bool {
        match value {
            0 => {
                let input = self.input.to_string();
                ["(", "Masked", "Ids"].iter().any(|start| input.starts_with(start))
            }
            field => self.layers.get(field - 1).is_some_and(|layer| {
                ours(&layer.ty).is_some_and(|name| !MANY.contains(&name.as_str()))
            }),
        }
    }
}

/// The name of a layer of the crate.
fn ours(ty: &Type) -> Option<String> {
    let Type::Path(path) = ty else { return None };
    spelling::is_layer(&path.path).then(|| last_name(&path.path))
}
