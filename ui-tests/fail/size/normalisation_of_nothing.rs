//~lines 12
//~ a normalisation takes at least 1 feature, not 0
use kerata::{Batch, LayerNorm, model};

#[model(input = (Batch, 0))]
struct Net {
    layer: LayerNorm<_>,
}

fn main() {}
