//~ this option takes a `f64`, not a `&str`
use kerata::{Batch, BatchNorm, model};

#[model(input = (Batch, 4))]
struct Net {
    #[with(epsilon = "1e-3")]
    norm: BatchNorm<_>,
}

fn main() {}
