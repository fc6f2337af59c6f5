//~ what a model takes or gives is a shape such as `(Batch, 10)`
use kerata::{Batch, Dense, model};

#[model(input = Batch)]
struct Net {
    head: Dense<_, 2>,
}

fn main() {}
