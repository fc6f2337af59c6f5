//~ inputs of one shape are needed here
use kerata::{Add, Batch, Embedding, Ids, Lstm, MaskZero, model};

#[model(input = Ids<(Batch, 20)>)]
struct Net {
    embed: Embedding<100, 16, MaskZero>,
    lstm: Lstm<_, 16>,
    #[from(embed, lstm)]
    sum: Add,
}

fn main() {}
