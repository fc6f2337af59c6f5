//~ a `.json` holds no weights: leave out `embed`
use kerata::model;

#[model(keras = "ui-tests/files/lost_mask.json", unmask = ["near"], embed)]
struct Ner;

fn main() {}
