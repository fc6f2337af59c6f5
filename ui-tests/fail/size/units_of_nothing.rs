//~lines 12
//~ a layer has at least 1 unit, not 0
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 8))]
struct Net {
    layer: Dense<_, 0>,
}

fn main() {}
