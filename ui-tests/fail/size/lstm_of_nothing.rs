//~lines 12
//~ a layer has at least 1 unit, not 0
use kerata::{Batch, Lstm, model};

#[model(input = (Batch, 5, 8))]
struct Net {
    layer: Lstm<_, 0>,
}

fn main() {}
