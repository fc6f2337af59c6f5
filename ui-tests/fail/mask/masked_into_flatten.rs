//~ numbers without a mask are needed here
//~ `Unmask` drops the mask on purpose
use kerata::{Batch, Dense, Embedding, Flatten, Ids, MaskZero, model};

#[model(input = Ids<(Batch, 10)>)]
struct Net {
    embed: Embedding<100, 16, MaskZero>,
    flatten: Flatten<160>,
    head: Dense<_, 2>,
}

fn main() {}
