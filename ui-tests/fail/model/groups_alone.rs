//~ `GroupNorm` needs its features and groups, and `_` stands for what reaches it: write `GroupNorm<_, 64>`
use kerata::{Batch, GroupNorm, model};

#[model(input = (Batch, 8, 8, 64))]
struct Net {
    norm: GroupNorm<64>,
}

fn main() {}
