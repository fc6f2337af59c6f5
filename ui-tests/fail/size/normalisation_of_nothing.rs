//~ a normalisation takes at least 1 feature, not 0
use kerata::{Batch, LayerNorm, model};

const NONE: usize = 0;

#[model(input = (Batch, NONE))]
struct Net {
    layer: LayerNorm<_>,
}

fn main() {}
