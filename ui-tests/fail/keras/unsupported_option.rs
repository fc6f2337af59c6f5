//~ the layer `reader` (LSTM) of `ui-tests/files/unsupported_option.json`
//~ none of Keras's regularizers
use kerata::model;

#[model(keras = "ui-tests/files/unsupported_option.json")]
struct Tagger;

fn main() {}
