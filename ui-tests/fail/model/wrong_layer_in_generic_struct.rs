//~lines 26
//~ one vector per sample is needed here
//~ head: Dense<UNITS, 2>,
use kerata::{Batch, Dense, Lstm, Sequences, model};

#[model(input = (Batch, 10, 8), output = (Batch, 2))]
struct Net<const UNITS: usize> {
    hidden: Lstm<8, UNITS, Sequences>,
    head: Dense<UNITS, 2>,
    tail: Dense<2, 2>,
}

fn main() {}
