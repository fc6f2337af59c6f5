//~lines 19
//~ `Shared<Dense<3, 2>>` has no Keras config
//~ a `Shared` layer has no config
use kerata::{Batch, Cpu, Dense, Inputs, Shared, Subtract, model, prelude::*};

#[model(input = Inputs<((Batch, 3), (Batch, 3))>, output = (Batch, 2))]
struct Difference {
    both: Shared<Dense<_, 2>>,
    difference: Subtract,
}

fn main() {
    let model = Difference::build(&Cpu::default()).unwrap();
    println!("{}", model.to_json());
}
