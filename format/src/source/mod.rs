//! The Rust source of a model: a struct with `#[model]`, and one for each model in it.
//!
//! Nothing is run and nothing is built. Which type stands for a layer says its config (`types`), and beside that how many
//! dimensions reach it and whether these are masked (`flow`); all sizes are left to the compiler.

mod activations;
mod attention;
mod fate;
mod layer;
mod names;
mod row;
mod rules;
mod structure;
mod types;

use std::collections::BTreeSet;

pub use structure::{IN_KERAS_ONLY, LOST, structs};

/// What is done where Keras loses a mask.
#[derive(Debug, Clone, Copy)]
pub enum LostMasks<'a> {
    /// It is dropped on purpose, by an `Unmask`.
    Dropped,
    /// It is a problem, but for these layers.
    Refused(&'a [String]),
}

/// A struct with `#[model]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Struct {
    /// Its name.
    pub name: String,
    /// The signal that it takes.
    pub input: String,
    /// The fields that are its outputs, if there are several.
    pub outputs: Vec<String>,
    /// Its layers.
    pub fields: Vec<Field>,
    /// What of the model has no form as a struct.
    pub problems: Vec<String>,
}

/// A layer of a struct.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// The name of the layer in the file.
    pub layer: String,
    /// The class of the layer in the file.
    pub class: String,
    /// What stands in `#[again(..)]`: the field that holds the layer which is called here.
    pub again: Option<String>,
    /// What stands in `#[from(..)]`; nothing for what the field before gives.
    pub from: Vec<String>,
    /// What stands in `#[with(..)]`.
    pub options: Vec<(&'static str, String)>,
    /// The layer whose mask is dropped here, if this is an `Unmask`.
    pub unmasks: Option<String>,
    /// Its type, or why it has none.
    pub layer_type: Result<String, String>,
}

impl Struct {
    fn text(&self) -> String {
        let outputs = match self.outputs.as_slice() {
            [] => String::new(),
            several => format!(", outputs({})", several.join(", ")),
        };
        let (input, name) = (&self.input, &self.name);
        let mut text = format!("#[model(input = {input}{outputs})]\npub struct {name} {{\n");
        for field in &self.fields {
            let name = &field.name;
            let ty = match &field.layer_type {
                Ok(ty) => ty,
                Err(why) => {
                    text.push_str(&format!("    // `{name}` has no type here: {why}.\n"));
                    continue;
                }
            };
            if let Some(again) = &field.again {
                text.push_str(&format!("    #[again({again})]\n"));
            }
            if !field.from.is_empty() {
                text.push_str(&format!("    #[from({})]\n", field.from.join(", ")));
            }
            let options: Vec<String> =
                field.options.iter().map(|(key, value)| format!("{key} = {value}")).collect();
            if !options.is_empty() {
                text.push_str(&format!("    #[with({})]\n", options.join(", ")));
            }
            text.push_str(&format!("    pub {name}: {ty},\n"));
        }
        for problem in &self.problems {
            text.push_str(&format!("    // {problem}.\n"));
        }
        text + "}\n"
    }
}

/// The source to paste, with the names that it uses.
pub fn text(structs: &[Struct]) -> String {
    let own: BTreeSet<&str> = structs.iter().map(|one| one.name.as_str()).collect();
    let fields = structs.iter().flat_map(|one| &one.fields);
    let types = fields.filter_map(|field| field.layer_type.as_deref().ok());
    let used: BTreeSet<&str> = types
        .chain(structs.iter().map(|one| one.input.as_str()))
        .flat_map(|text| text.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()))
        .filter(|word| !own.contains(word))
        .collect();
    let used: Vec<&str> = used.into_iter().collect();
    let body: Vec<String> = structs.iter().map(Struct::text).collect();
    format!("use kerata::{{{}, model, prelude::*}};\n\n{}", used.join(", "), body.join("\n"))
}
