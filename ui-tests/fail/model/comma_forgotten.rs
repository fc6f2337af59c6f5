//~ a `,` is missing in front of this argument
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 10) output = (Batch, 8))]
struct Net {
    hidden: Dense<_, 8>,
}

fn main() {}
