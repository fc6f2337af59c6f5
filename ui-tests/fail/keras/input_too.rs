//~ the file says all of that: leave out `input`
use kerata::model;

#[model(keras = "ui-tests/files/lost_mask.json", input = kerata::Ids<(kerata::Batch, 8)>)]
struct Ner;

fn main() {}
