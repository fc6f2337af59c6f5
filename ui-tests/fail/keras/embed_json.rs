//~ a `.json` holds no weights to embed
use kerata::model;

#[model(keras = "ui-tests/files/lost_mask.json", unmask = ["near"], embed)]
struct Ner;

fn main() {}
