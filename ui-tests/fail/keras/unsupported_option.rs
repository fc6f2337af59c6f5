//~ the layer `reader` (LSTM) of `ui-tests/files/unsupported_option.json`
//~ `recurrent_dropout` is 0.25, where only 0.0 is possible
use kerata::model;

#[model(keras = "ui-tests/files/unsupported_option.json")]
struct Tagger;

fn main() {}
