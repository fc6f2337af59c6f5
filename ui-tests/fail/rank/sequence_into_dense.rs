//~ one vector a sample is needed here
//~ let the recurrent layer before this one return its last state
use kerata::{Batch, Dense, Embedding, Ids, Lstm, Sequences, model};

#[model(input = Ids<(Batch, 10)>)]
struct Net {
    embed: Embedding<100, 16>,
    lstm: Lstm<_, 32, Sequences>,
    head: Dense<_, 2>,
}

fn main() {}
