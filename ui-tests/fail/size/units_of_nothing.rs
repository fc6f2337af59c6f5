//~ a layer has at least 1 unit, not 0
use kerata::{Batch, Dense, model};

const NONE: usize = 0;

#[model(input = (Batch, 8))]
struct Net {
    layer: Dense<_, NONE>,
}

fn main() {}
