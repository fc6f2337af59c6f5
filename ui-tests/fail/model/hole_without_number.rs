//~ `_` cannot be inferred in `Embedding<0, 16>`
//~ write the number in the place of `_`
use kerata::{Batch, Embedding, Ids, model};

#[model(input = Ids<(Batch, 10)>)]
struct Net {
    embed: Embedding<_, 16>,
}

fn main() {}
