//~ parameters have places here, not names: write `Lstm<_, 32, Sequences>`
//~ parameters have places here, not names: write `GroupNorm<_, 4>`
//~ parameters have places here, not names: write `Dense<_, 4, Relu>`
#![allow(unused_imports)]
use kerata::{Batch, Dense, GroupNorm, Lstm, Relu, model};

#[model(input = (Batch, 10, 4))]
struct Net {
    lstm: Lstm<_, 32, return_sequences = true>,
    norm: GroupNorm<groups = 4>,
    head: Dense<units = 4, activation = Relu>,
}

fn main() {}
