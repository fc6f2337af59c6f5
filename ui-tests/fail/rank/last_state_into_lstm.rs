//~ a sequence is needed here, `(Batch, Length, Features)`
//~ `Lstm<_, N, Sequences>` in place of `Lstm<_, N>`
use kerata::{Batch, Dense, Dropout, Embedding, Ids, Lstm, MaskZero, Softmax, model};

#[model(input = Ids<(Batch, 10)>)]
struct Net {
    embed: Embedding<100, 16, MaskZero>,
    first: Lstm<_, 32>,
    drop: Dropout<50>,
    second: Lstm<_, 32>,
    head: Dense<_, 2, Softmax>,
}

fn main() {}
