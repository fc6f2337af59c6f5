//~ a sequence is needed here
//~ token ids: `Embedding`
use kerata::{Batch, Dense, Ids, Lstm, model};

#[model(input = Ids<(Batch, 10)>)]
struct Net {
    lstm: Lstm<_, 32>,
    head: Dense<_, 2>,
}

fn main() {}
