//~ one vector per sample is needed here, `(Batch, Features)`, but `Masked<
//~ TimeDistributed<Dense<..>>
use kerata::{Batch, Dense, Embedding, Ids, Lstm, MaskZero, Sequences, model};

#[model(input = Ids<(Batch, 10)>)]
struct Net {
    embed: Embedding<100, 16, MaskZero>,
    lstm: Lstm<_, 32, Sequences>,
    head: Dense<_, 2>,
}

fn main() {}
