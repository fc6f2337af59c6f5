//~ write `StackedRnn<(Lstm<_, 32, Sequences>, Lstm<32, 32>)>`
use kerata::{Batch, Dense, Lstm, model};
#[model(input = (Batch, 12, 8), output = (Batch, 2))]
struct Net {
    lstm: Lstm<_, 32, 2>,
    head: Dense<_, 2>,
}

fn main() {}
