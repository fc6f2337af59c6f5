//~ `10` stands in place of the mask: write `Embedding<100, 4>`
use kerata::{Batch, Embedding, Ids, Lstm, model};

#[model(input = Ids<(Batch, 10)>)]
struct Net {
    words: Embedding<100, 4, 10>,
    lstm: Lstm<_, 8>,
}

fn main() {}
