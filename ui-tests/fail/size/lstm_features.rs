//~ the number of features must be 16 here
use kerata::{Batch, Embedding, Ids, Lstm, MaskZero, model};

#[model(input = Ids<(Batch, 10)>)]
struct Net {
    embed: Embedding<100, 32, MaskZero>,
    lstm: Lstm<16, 32>,
}

fn main() {}
