//~ the model gives `(usize, Size<2>)`, but `(usize, Size<3>)` is declared as its output
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 8), output = (Batch, 3))]
struct Net<const UNITS: usize> {
    hidden: Dense<8, UNITS>,
    head: Dense<UNITS, 2>,
}

fn main() {}
