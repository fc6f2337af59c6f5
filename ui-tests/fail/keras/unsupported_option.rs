//~ the layer `reader` (LSTM) of `ui-tests/files/unsupported_option.json`
//~ and a typed layer has none
use kerata::model;

#[model(keras = "ui-tests/files/unsupported_option.json")]
struct Tagger;

fn main() {}
