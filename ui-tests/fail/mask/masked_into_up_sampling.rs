//~ an unmasked sequence is needed here
//~ the mask would silently be gone
use kerata::{Batch, Embedding, Ids, MaskZero, UpSampling1d, model};

#[model(input = Ids<(Batch, 10)>)]
struct Net {
    embed: Embedding<100, 16, MaskZero>,
    up: UpSampling1d<2>,
}

fn main() {}
