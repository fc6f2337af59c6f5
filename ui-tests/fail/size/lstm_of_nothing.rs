//~ a layer has at least 1 unit, not 0
use kerata::{Batch, Lstm, model};

const NONE: usize = 0;

#[model(input = (Batch, 5, 8))]
struct Net {
    layer: Lstm<_, NONE>,
}

fn main() {}
