//~ `#[with(..)]` is for a layer: write it in front of a field
use kerata::{Batch, Dense, Lstm, model};
#[model(input = (Batch, 12, 8), output = (Batch, 2))]
#[with(trainable = false)]
struct Net {
    lstm: Lstm<_, 16>,
    head: Dense<_, 2>,
}

fn main() {}
