//~ a shape begins with the batch: write `(Batch, 10)`
use kerata::{Dense, model};

#[model(input = 10, output = 8)]
struct Net {
    hidden: Dense<_, 8>,
}

fn main() {}
