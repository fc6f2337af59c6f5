//~ the layers are those of the file: write `struct Ner;`
use kerata::model;

#[model(keras = "ui-tests/files/lost_mask.json")]
struct Ner {
    head: kerata::Dense<_, 2>,
}

fn main() {}
