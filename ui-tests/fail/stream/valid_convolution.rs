//~ `Conv1d<4, 8, 3, Relu>` needs the end of the sequence
use kerata::{Batch, Conv1d, Cpu, Length, Relu, model, prelude::*};

#[model(input = (Batch, Length, 4), output = (Batch, Length, 8))]
struct Smooth {
    conv: Conv1d<_, 8, 3, Relu>,
}

fn main() {
    let smooth = Smooth::build(&Cpu::default()).unwrap();
    let _ = smooth.stream(1);
}
