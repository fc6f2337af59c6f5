//~ write `#[from(first, input)] name: Add`
use kerata::{Add, Batch, Dense, Relu, model};
#[model(input = (Batch, 8), output = (Batch, 2))]
struct Net {
    first: Dense<_, 8, Relu>,
    sum: Add<first, input>,
    head: Dense<_, 2>,
}

fn main() {}
