//~ a sequence is needed here
use kerata::{Batch, Lstm, model};

#[model(input = (Batch, 28, 28, 1))]
struct Net {
    lstm: Lstm<_, 8>,
}

fn main() {}
