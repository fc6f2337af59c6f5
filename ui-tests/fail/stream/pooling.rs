//~ `GlobalAveragePooling1d` needs the end of the sequence
use kerata::{Batch, Cpu, Dense, GlobalAveragePooling1d, Length, model, prelude::*};

#[model(input = (Batch, Length, 4), output = (Batch, 3))]
struct Mean {
    mean: GlobalAveragePooling1d,
    head: Dense<_, 3>,
}

fn main() {
    let mean = Mean::build(&Cpu::default()).unwrap();
    let _ = mean.stream(1);
}
