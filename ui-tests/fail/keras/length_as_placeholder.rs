//~ a size is written, or `Length` where it is not known
use kerata::{Batch, Dense, Lstm, model};
#[model(input = (Batch, _, 8), output = (Batch, 2))]
struct Net {
    lstm: Lstm<_, 32>,
    head: Dense<_, 2>,
}

fn main() {}
