//! What is in the file, as structs.

use std::{collections::BTreeSet, path::PathBuf, str::FromStr};

use kerata_format::{
    FUNCTION, config_of,
    source::{Field, IN_KERAS_ONLY, LOST, LostMasks, Struct, structs as of_config},
};
use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{format_ident, quote_spanned};
use syn::{ItemStruct, LitStr};

use super::Written;
use crate::parse::Arguments;

/// The structs that a file says, the model itself last.
pub(super) fn structs(path: &LitStr, arguments: &mut Arguments, item: &ItemStruct) -> Vec<Written> {
    let (span, file) = (path.span(), path.value());
    let errors = &mut arguments.errors;
    if arguments.embed && file.to_lowercase().ends_with(".json") {
        errors.push(span, "a `.json` holds no weights: leave out `embed`");
    }
    let root = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    let config = config_of(&root.join(&file));
    let unmask: Vec<String> = arguments.unmask.iter().map(LitStr::value).collect();
    let found = config.and_then(|config| {
        of_config(&config, &item.ident.to_string(), LostMasks::Refused(&unmask))
    });
    let found = match found {
        Ok(found) => found,
        Err(why) => {
            let place = match root.join(&file).exists() {
                true => "",
                false => ", where a path starts at the folder of `Cargo.toml`",
            };
            errors.push(span, format!("`{file}` makes no model: {why}{place}"));
            return Vec::new();
        }
    };
    // Of functions only the first is told of, and how many there are.
    let is_function = |field: &&Field| matches!(&field.layer_type, Err(why) if why == FUNCTION);
    let functions = found.iter().flat_map(|one| &one.fields).filter(is_function).count();
    let mut told = false;
    for one in &found {
        for field in &one.fields {
            if is_function(&field) && std::mem::replace(&mut told, true) {
                continue;
            }
            if let Err(why) = &field.layer_type {
                let Field { layer, class, .. } = field;
                let advice = advice(layer, class, why);
                let further = match (why == FUNCTION, functions.saturating_sub(1)) {
                    (false, _) | (true, 0) => String::new(),
                    (true, 1) => ", as another one is".to_owned(),
                    (true, others) => format!(", as {others} others are"),
                };
                errors.push(
                    span,
                    format!("the layer `{layer}` ({class}) of `{file}`: {why}{further}{advice}"),
                );
            }
        }
        for problem in &one.problems {
            errors.push(span, format!("`{file}` makes no struct: {problem}"));
        }
    }
    for layer in &arguments.unmask {
        let mut fields = found.iter().flat_map(|one| &one.fields);
        if !fields.any(|field| field.unmasks.as_deref() == Some(&*layer.value())) {
            let message = format!("no layer `{}` of `{file}` loses a mask", layer.value());
            errors.push(layer.span(), message);
        }
    }
    if !errors.is_empty() {
        return Vec::new();
    }
    let own: BTreeSet<&str> = found.iter().map(|one| one.name.as_str()).collect();
    let at = At { span, own };
    found.iter().map(|one| at.written(one, &file, item)).collect()
}

/// What to do about a layer that has no type.
fn advice(layer: &str, class: &str, why: &str) -> String {
    const MERGES: [&str; 5] = ["Add", "Maximum", "Minimum", "Multiply", "Subtract"];
    let load = "`kerata::keras::load` runs the file as it is";
    if why.starts_with(LOST) {
        return format!("\nto drop it on purpose, write `unmask = [\"{layer}\"]`");
    }
    if why == FUNCTION {
        return match MERGES.contains(&class) {
            true => {
                format!("\nof two values, write `layers.{class}()([a, b])` in Keras; or {load}")
            }
            false => format!("\nwrite a layer in its place in Keras; or {load}"),
        };
    }
    // No `unmask` helps: a type would compute something else than Keras.
    match IN_KERAS_ONLY.contains(&why) {
        true => format!("\nno type computes that: {load}"),
        false => String::new(),
    }
}

/// Where the tokens of a file stand in the program, and which structs are made of it.
struct At<'a> {
    span: Span,
    own: BTreeSet<&'a str>,
}

impl At<'_> {
    fn written(&self, one: &Struct, file: &str, item: &ItemStruct) -> Written {
        let (vis, span) = (&item.vis, self.span);
        let fields = one.fields.iter().filter_map(|field| {
            let ty = self.tokens(field.layer_type.as_deref().ok()?);
            let name = Ident::new(&field.name, span);
            let doc = format!("`{}` ({})", field.layer, field.class);
            let from = (!field.from.is_empty()).then(|| {
                let from = self.tokens(&field.from.join(", "));
                quote_spanned!(span => #[from(#from)])
            });
            let with = (!field.options.is_empty()).then(|| {
                let options: Vec<String> =
                    field.options.iter().map(|(key, value)| format!("{key} = {value}")).collect();
                let options = self.plain(&options.join(", "));
                quote_spanned!(span => #[with(#options)])
            });
            let again = field.again.as_ref().map(|again| {
                let again = Ident::new(again, span);
                quote_spanned!(span => #[again(#again)])
            });
            Some(quote_spanned!(span => #[doc = #doc] #again #from #with #vis #name: #ty))
        });
        // That of the model is written by the user; the others are named by the file.
        let is_model = item.ident == one.name;
        let name = if is_model { item.ident.clone() } else { format_ident!("{}", one.name) };
        let docs = (!is_model).then(|| {
            let doc = format!("A model in `{file}`.");
            quote_spanned!(span => #[doc = #doc])
        });
        let attrs = if is_model { item.attrs.as_slice() } else { &[] };
        let item = quote_spanned!(span => #docs #(#attrs)* #vis struct #name { #(#fields,)* });
        Written {
            input: self.tokens(&one.input),
            outputs: one.outputs.iter().map(|output| Ident::new(output, span)).collect(),
            item: syn::parse2(item).expect("a struct of the fields of a file"),
        }
    }

    /// A text as tokens, in which what is of the crate has its path.
    fn tokens(&self, text: &str) -> TokenStream {
        self.placed(TokenStream::from_str(text).expect("source that was written for a file"))
    }

    /// A text as tokens whose names are as they stand there: those of regularizers have their path by `#[with(..)]`.
    fn plain(&self, text: &str) -> TokenStream {
        spanned(TokenStream::from_str(text).expect("source that was written for a file"), self.span)
    }

    fn placed(&self, tokens: TokenStream) -> TokenStream {
        let span = self.span;
        let place = |tree: TokenTree| match tree {
            TokenTree::Group(group) => {
                let mut placed = Group::new(group.delimiter(), self.placed(group.stream()));
                placed.set_span(span);
                TokenTree::from(placed).into()
            }
            TokenTree::Ident(name) => {
                let (text, name) = (name.to_string(), Ident::new(&name.to_string(), span));
                let ours = text.starts_with(|c: char| c.is_ascii_uppercase())
                    && !self.own.contains(text.as_str());
                if ours {
                    quote_spanned!(span => ::kerata::#name)
                } else {
                    quote_spanned!(span => #name)
                }
            }
            mut other => {
                other.set_span(span);
                other.into()
            }
        };
        tokens.into_iter().map(place).collect::<Vec<TokenStream>>().into_iter().collect()
    }
}

fn spanned(tokens: TokenStream, span: Span) -> TokenStream {
    let place = |mut tree: TokenTree| {
        if let TokenTree::Group(group) = &tree {
            tree = Group::new(group.delimiter(), spanned(group.stream(), span)).into();
        }
        tree.set_span(span);
        tree
    };
    tokens.into_iter().map(place).collect()
}
