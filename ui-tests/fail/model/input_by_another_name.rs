//~ what the model takes is called `input`, not `inputs`
use kerata::{Add, Batch, Dense, Inputs, model};

#[model(input = Inputs<((Batch, 4), (Batch, 6))>)]
struct Net {
    #[from(inputs.0)]
    a: Dense<_, 8>,
    #[from(inputs.1)]
    b: Dense<_, 8>,
    #[from(a, b)]
    sum: Add,
}

fn main() {}
