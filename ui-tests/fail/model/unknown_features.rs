//~ the number of features of `(usize, usize)` is not known to the compiler
use kerata::{Batch, Dense, Length, model};

#[model(input = (Batch, Length))]
struct Net {
    head: Dense<_, 2>,
}

fn main() {}
