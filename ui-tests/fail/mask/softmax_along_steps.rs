//~ numbers without a mask are needed here, `(Batch, ..)`, but `Masked<
use kerata::{Batch, Embedding, Ids, MaskZero, SoftmaxAlong, model};

#[model(input = Ids<(Batch, 6)>)]
struct Net {
    embed: Embedding<20, 4, MaskZero>,
    share: SoftmaxAlong<1>,
}

fn main() {}
