//~ `Bidirectional<Gru<4, 8, Sequences>>` needs the end of the sequence
use kerata::{Batch, Bidirectional, Cpu, Gru, Length, Lstm, Sequences, model, prelude::*};

#[model(input = (Batch, Length, 4), output = (Batch, Length, 16))]
struct Inside {
    both: Bidirectional<Gru<_, 8, Sequences>>,
}

#[model(input = (Batch, Length, 4), output = (Batch, 2))]
struct Outside {
    inside: Inside,
    lstm: Lstm<_, 2>,
}

fn main() {
    let outside = Outside::build(&Cpu::default()).unwrap();
    let _ = outside.stream(1);
}
