//~ nothing stands in quotes here: write `epsilon = 1e-3`
use kerata::{Batch, BatchNorm, model};

#[model(input = (Batch, 4))]
struct Net {
    #[with(epsilon = "1e-3")]
    norm: BatchNorm<_>,
}

fn main() {}
