//~ required by a bound in `flat`
use kerata::model;

#[model(keras = "ui-tests/files/unknown_length.json")]
struct Tagger;

fn main() {}
