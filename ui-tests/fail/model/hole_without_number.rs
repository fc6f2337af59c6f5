//~ `_` is for what reaches a layer: it cannot stand for the vocabulary size: write `Embedding<10_000, 16>`
use kerata::{Batch, Embedding, Ids, model};

#[model(input = Ids<(Batch, 10)>)]
struct Net {
    embed: Embedding<_, 16>,
}

fn main() {}
