//~ a shape stands in brackets: write `input = (Batch, 10)`
use kerata::{Batch, Dense, model};
#[model(input = Batch, 10, output = (Batch, 2))]
struct Net {
    head: Dense<_, 2>,
}

fn main() {}
