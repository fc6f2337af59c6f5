//~lines 24
//~ a model that wires the state of a recurrent layer has no Keras JSON
use kerata::{Batch, Cpu, Gru, Inputs, Length, StateH, model, prelude::*};

#[model(input = Inputs<((Batch, Length, 8), StateH<(Batch, 4)>)>, output = (Batch, 4))]
struct Decoder {
    gru: Gru<_, 4>,
}

fn main() {
    let decoder = Decoder::build(&Cpu::default()).unwrap();
    println!("{}", decoder.to_json());
}
