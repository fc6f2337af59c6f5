//~ a vocabulary has at least 1 id, not 0
use kerata::{Batch, Embedding, Ids, model};

const NONE: usize = 0;

#[model(input = Ids<(Batch, 5)>)]
struct Net {
    layer: Embedding<NONE, 4>,
}

fn main() {}
