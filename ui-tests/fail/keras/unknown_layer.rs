//~ the layer `length` (UnitNormalization) of `ui-tests/files/unknown_layer.json`
//~ there is no type for the class `UnitNormalization`
use kerata::model;

#[model(keras = "ui-tests/files/unknown_layer.json")]
struct Tagger;

fn main() {}
