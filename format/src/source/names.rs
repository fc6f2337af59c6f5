//! The names of layers as names in Rust.

use std::collections::{HashMap, HashSet};

/// The names of layers as those of fields, each another one.
#[derive(Default)]
pub(super) struct Fields {
    of: HashMap<String, String>,
    taken: HashSet<String>,
}

impl Fields {
    /// The field of a layer.
    pub(super) fn of(&mut self, layer: &str) -> String {
        if let Some(field) = self.of.get(layer) {
            return field.clone();
        }
        let field = self.unique(field(layer));
        self.of.insert(layer.to_owned(), field.clone());
        field
    }

    /// The field of another call of a layer.
    pub(super) fn again(&mut self, call: &str, layer: &str) -> String {
        let field = self.of(layer);
        let field = self.unique(format!("{field}_again"));
        self.of.insert(call.to_owned(), field.clone());
        field
    }

    /// A name that no field has yet.
    pub(super) fn unique(&mut self, name: String) -> String {
        let mut found = name.clone();
        for count in 2.. {
            if self.taken.insert(found.clone()) {
                break;
            }
            found = format!("{}_{count}", name.trim_end_matches('_'));
        }
        found
    }
}

/// The name of a layer as a part of that of a type.
pub(super) fn camel_case(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect()
}

/// The name of a layer as that of a field.
fn field(name: &str) -> String {
    const KEYWORDS: [&str; 46] = [
        "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
        "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
        "in", "input", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv",
        "pub", "ref", "return", "static", "struct", "super", "trait", "true", "try", "type",
        "unsafe", "use", "where",
    ];
    // None of these can be a field either, and `self` not even with `r#`.
    const OTHERS: [&str; 6] = ["self", "typeof", "unsized", "virtual", "while", "yield"];
    let valid = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let letters: String = name.chars().map(valid).collect();
    // One `_` at a time, as the compiler wants it of a field.
    let words: Vec<&str> = letters.split('_').filter(|word| !word.is_empty()).collect();
    let mut field = words.join("_");
    if !field.starts_with(|c: char| c.is_ascii_lowercase()) {
        field.insert_str(0, "layer_");
    }
    if KEYWORDS.contains(&field.as_str()) || OTHERS.contains(&field.as_str()) {
        field.push('_');
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layer_has_a_field_of_its_own() {
        let mut fields = Fields::default();
        let names =
            ["Dense", "dense", "1st layer", "type", "Type", "größe", "a/b", "__x__", "日本"];
        let found = names.map(|name| fields.of(name));
        let expected = [
            "dense",
            "dense_2",
            "layer_1st_layer",
            "type_",
            "type_2",
            "gr_e",
            "a_b",
            "x",
            "layer_",
        ];
        assert_eq!(found, expected);
        assert_eq!(names.map(|name| fields.of(name)), found);
        assert_eq!(camel_case("functional_4"), "Functional4");
    }
}
