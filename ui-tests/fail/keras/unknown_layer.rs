//~ the layer `length` (LayerScale) of `ui-tests/files/unknown_layer.json`
//~ there is no type for the class `LayerScale`
use kerata::model;

#[model(keras = "ui-tests/files/unknown_layer.json")]
struct Tagger;

fn main() {}
