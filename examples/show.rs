//! What is in a file of Keras: its layers, and the struct with `#[model]` to paste.
//!
//! `cargo run --features keras --example show -- model.keras`; a `.json` of `to_json()` will do, too.

use std::path::Path;

use kerata::{
    Error,
    config::{Config, CustomObjects, DynamicLayer, layer_from_config},
    keras,
};

fn main() -> Result<(), Error> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/from_keras/vowels.keras");
    let path = std::env::args().nth(1).unwrap_or_else(|| default.to_owned());
    let is_json = Path::new(&path).extension().is_some_and(|extension| extension == "json");
    let model = match is_json {
        true => layer_from_config(&Config::load(&path)?, &CustomObjects::new())?,
        false => keras::load(&path, &CustomObjects::new())?,
    };
    println!("{} `{}`, {} parameters", model.class(), model.name(), model.params());
    show(&model, 1);
    println!("\n{}", keras::rust_source(&model.config(), "Net")?);
    Ok(())
}

fn show(model: &DynamicLayer, deep: usize) {
    for layer in model.layers() {
        let weights: Vec<String> =
            layer.weights().map(|weight| format!("{} {:?}", weight.name, weight.sizes)).collect();
        let indent = "  ".repeat(deep);
        println!("{indent}{} `{}`  {}", layer.class(), layer.name(), weights.join(", "));
        if matches!(layer.class(), "Sequential" | "Functional") {
            show(layer, deep + 1);
        }
    }
}
