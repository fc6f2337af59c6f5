//~ an unmasked sequence is needed here
//~ the mask would silently be gone
use kerata::{Batch, Conv1d, Embedding, Ids, MaskZero, model};

#[model(input = Ids<(Batch, 10)>)]
struct Net {
    embed: Embedding<100, 16, MaskZero>,
    conv: Conv1d<_, 8, 3>,
}

fn main() {}
