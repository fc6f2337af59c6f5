//~ is declared as its output
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 8), output = (Batch, 3))]
struct Net {
    head: Dense<_, 2>,
}

fn main() {}
