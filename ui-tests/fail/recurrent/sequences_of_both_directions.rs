//~ `Sequences` stands in place of the merge mode: write `Bidirectional<Gru<_, 16>>`
use kerata::{Batch, Bidirectional, Dense, Gru, Sequences, model};
#[model(input = (Batch, 12, 5))]
struct Net {
    both: Bidirectional<Gru<_, 16>, Sequences>,
    head: Dense<_, 3>,
}

fn main() {}
