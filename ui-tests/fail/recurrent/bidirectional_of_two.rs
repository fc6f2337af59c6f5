//~ `Gru<_, 8>` stands in place of the merge mode: write `Bidirectional<Lstm<_, 8>>`
use kerata::{Batch, Bidirectional, Gru, Lstm, model};

#[model(input = (Batch, 10, 3))]
struct Net {
    both: Bidirectional<Lstm<_, 8>, Gru<_, 8>>,
}

fn main() {}
