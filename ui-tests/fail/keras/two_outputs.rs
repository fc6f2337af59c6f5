//~ `ui-tests/files/two_outputs.json` makes no struct: the model of Keras has 2 outputs, a struct has one
use kerata::model;

#[model(keras = "ui-tests/files/two_outputs.json")]
struct Two;

fn main() {}
