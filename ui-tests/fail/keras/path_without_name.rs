//~ an argument has a name: write `keras = "ui-tests/files/unknown_length.json"`
use kerata::model;

#[model("ui-tests/files/unknown_length.json")]
struct Tagger;

fn main() {}
