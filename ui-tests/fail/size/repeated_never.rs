//~ a vector is repeated at least 1 time, not 0
use kerata::{Batch, RepeatVector, model};

const NONE: usize = 0;

#[model(input = (Batch, 8))]
struct Net {
    layer: RepeatVector<NONE>,
}

fn main() {}
