//~lines 12
//~ a layer takes at least 1 feature, not 0
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 0))]
struct Net {
    layer: Dense<_, 3>,
}

fn main() {}
