//~ an unmasked sequence is needed here
use kerata::{Batch, Embedding, GlobalMaxPooling1d, Ids, MaskZero, model};

#[model(input = Ids<(Batch, 10)>)]
struct Net {
    embed: Embedding<100, 16, MaskZero>,
    pool: GlobalMaxPooling1d,
}

fn main() {}
