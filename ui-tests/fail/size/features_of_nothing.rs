//~ a layer takes at least 1 feature, not 0
use kerata::{Batch, Dense, model};

const NONE: usize = 0;

#[model(input = (Batch, NONE))]
struct Net {
    layer: Dense<_, 3>,
}

fn main() {}
