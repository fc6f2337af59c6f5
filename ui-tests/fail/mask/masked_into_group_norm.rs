//~ numbers without a mask are needed here
use kerata::{Batch, Embedding, GroupNorm, Ids, MaskZero, model};

#[model(input = Ids<(Batch, 10)>)]
struct Net {
    embed: Embedding<100, 16, MaskZero>,
    norm: GroupNorm<_, 4>,
}

fn main() {}
