//~ conflicting implementations of trait `Clone` for type `Net`
use kerata::{Batch, Dense, model};

#[derive(Clone)]
#[model(input = (Batch, 8), output = (Batch, 2))]
struct Net {
    head: Dense<_, 2>,
}

fn main() {}
