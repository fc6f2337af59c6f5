//~ 6 features are no multiple of 4 groups
use kerata::{Batch, GroupNorm, model};

#[model(input = (Batch, 8, 8, 6))]
struct Net {
    norm: GroupNorm<_, 4>,
}

fn main() {}
