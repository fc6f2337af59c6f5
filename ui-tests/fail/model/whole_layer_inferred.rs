//~ a whole layer cannot be inferred: only a size within it
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 8))]
struct Net {
    hidden: _,
    head: Dense<_, 2>,
}

fn main() {}
