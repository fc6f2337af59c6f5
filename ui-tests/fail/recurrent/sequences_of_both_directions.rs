//~ `Sequences` is a parameter of the `Gru` within: write `Bidirectional<Gru<_, 16, Sequences>>`
use kerata::{Batch, Bidirectional, Dense, Gru, Sequences, model};
#[model(input = (Batch, 12, 5))]
struct Net {
    both: Bidirectional<Gru<_, 16>, Sequences>,
    head: Dense<_, 3>,
}

fn main() {}
