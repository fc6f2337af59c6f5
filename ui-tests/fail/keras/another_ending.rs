//~ a model is in a `.keras`, a `.h5` or a `.json`
use kerata::model;

#[model(keras = "models/ner.onnx")]
struct Ner;

fn main() {}
