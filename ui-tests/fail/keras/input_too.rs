//~ the file says all of that: leave out `input`
use kerata::{Batch, Ids, model};

#[model(keras = "ui-tests/files/lost_mask.json", input = Ids<(Batch, 8)>)]
struct Ner;

fn main() {}
