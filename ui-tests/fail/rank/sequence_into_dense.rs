//~ one vector per sample is needed here
//~ `Lstm<_, N>` in place of `Lstm<_, N, Sequences>`
use kerata::{Batch, Dense, Embedding, Ids, Lstm, Sequences, model};

#[model(input = Ids<(Batch, 10)>)]
struct Net {
    embed: Embedding<100, 16>,
    lstm: Lstm<_, 32, Sequences>,
    head: Dense<_, 2>,
}

fn main() {}
