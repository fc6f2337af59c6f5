//~lines 19
//~ `Swish` is no activation
use kerata::{Batch, Dense, model};

#[derive(Debug, Clone)]
struct Swish;

#[model(input = (Batch, 4))]
struct Net {
    head: Dense<_, 1, Swish>,
}

fn main() {}
