//~ the layer `add` (Add) of `ui-tests/files/functions.json`: it is a function and no layer, as another one is
//~ of two values, write `layers.Add()([a, b])` in Keras; or `kerata::keras::load` runs the file as it is
use kerata::{Cpu, model, prelude::*};

#[model(keras = "ui-tests/files/functions.json")]
struct Residual;

fn main() {
    let _ = Residual::build(&Cpu::default());
}
