//~ no layer `nearer` of `ui-tests/files/lost_mask.json` loses a mask
use kerata::model;

#[model(keras = "ui-tests/files/lost_mask.json", unmask = ["near", "nearer"])]
struct Ner;

fn main() {}
