//~lines 16
//~ required by a bound in `second`
use kerata::model;

#[model(keras = "ui-tests/files/too_wide.json")]
struct Tagger;

fn main() {}
