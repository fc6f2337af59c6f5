//~ the first dimension is the batch, whose size is not in the type: write `(Batch, 32, 10)`
use kerata::{Dense, model};

#[model(input = (32, 10), output = (32, 1))]
struct Net {
    head: Dense<_, 1>,
}

fn main() {}
