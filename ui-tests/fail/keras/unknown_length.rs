//~lines 16
//~ required by a bound in `TaggerFileLayers::flat`
use kerata::model;

#[model(keras = "ui-tests/files/unknown_length.json")]
struct Tagger;

fn main() {}
