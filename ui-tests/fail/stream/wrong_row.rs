//~ expected an array with a size of 4, found one with a size of 3
use kerata::{Batch, Cpu, Length, Lstm, model, prelude::*};

#[model(input = (Batch, Length, 4), output = (Batch, 8))]
struct Net {
    lstm: Lstm<_, 8>,
}

fn main() {
    let net = Net::build(&Cpu::default()).unwrap();
    let mut stream = net.stream(1).unwrap();
    let _ = stream.step(&[[1.0; 3]]);
}
