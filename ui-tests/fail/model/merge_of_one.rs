//~ `Add` merges two inputs or more: name them in front of it, as in `#[from(b, a)]`
//~ `Concatenate` merges two inputs or more: name them in front of it, as in `#[from(sum, b)]`
//~ `Subtract` merges two inputs: name them in front of it, as in `#[from(both, sum)]`
use kerata::{Add, Batch, Concatenate, Dense, Subtract, model};

#[model(input = (Batch, 8))]
struct Net {
    a: Dense<_, 8>,
    b: Dense<_, 8>,
    sum: Add,
    #[from(b)]
    both: Concatenate<_>,
    #[from(sum)]
    difference: Subtract,
    #[from(both, difference)]
    all: Concatenate<_>,
}

fn main() {}
