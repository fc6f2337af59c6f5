//~ the vector of an id has at least 1 number, not 0
use kerata::{Batch, EmbeddingBag, Ids, model};

const NONE: usize = 0;

#[model(input = Ids<(Batch, 5)>)]
struct Net {
    layer: EmbeddingBag<9, NONE>,
}

fn main() {}
