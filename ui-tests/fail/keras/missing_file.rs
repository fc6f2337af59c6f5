//~ `models/ner.keras` makes no model: No such file
use kerata::model;

#[model(keras = "models/ner.keras", embed)]
struct Ner;

fn main() {
    let _ = Ner::load();
}
