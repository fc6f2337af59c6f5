//~ what a model gives is an argument of its own: write `, output = (Batch, 2)`
use kerata::{Batch, Dense, model};
#[model(input = (Batch, 10) -> (Batch, 2))]
struct Net {
    head: Dense<_, 2>,
}

fn main() {}
