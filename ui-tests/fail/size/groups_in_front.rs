//~ the groups stand behind the features here: write `GroupNorm<_, 4>`
use kerata::{Batch, GroupNorm, model};

#[model(input = (Batch, 8, 8, 32))]
struct Net {
    norm: GroupNorm<4, 32>,
}

fn main() {}
