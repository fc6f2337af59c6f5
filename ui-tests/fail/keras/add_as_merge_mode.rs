//~ `Add` is a layer, and the merge mode is `Sum`: write `Bidirectional<Gru<_, 32>, Sum>`
use kerata::{Add, Batch, Bidirectional, Dense, Gru, model};
#[model(input = (Batch, 12, 8), output = (Batch, 2))]
struct Net {
    both: Bidirectional<Gru<_, 32>, Add>,
    head: Dense<_, 2>,
}

fn main() {}
