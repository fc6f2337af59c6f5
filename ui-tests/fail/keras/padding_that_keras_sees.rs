//~ Keras sees the padding, which an attention without a dropout has filled
//~ no type computes that: `kerata::keras::load` runs the file as it is
use kerata::{Cpu, model, prelude::*};

#[model(keras = "tests/cases/keras-masks-behind/means.keras")]
struct Means;

fn main() {
    let _ = Means::build(&Cpu::default());
}
