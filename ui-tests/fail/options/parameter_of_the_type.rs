//~ `return_sequences` is a parameter of the type here: write `Bidirectional<Lstm<_, 4, Sequences>>`
use kerata::{Batch, Bidirectional, Length, Lstm, model};

#[model(input = (Batch, Length, 3), output = (Batch, Length, 8))]
struct Net {
    #[with(return_sequences = true)]
    lstm: Bidirectional<Lstm<_, 4>>,
}

fn main() {}
