//~ this file holds weights without an architecture
use kerata::model;

#[model(keras = "tests/cases/keras-files/legacy2_sequential/legacy_weights.h5")]
struct Ner;

fn main() {}
