//~ token ids are needed here, `Ids<(Batch, Length)>`
//~ one-hot rows need no `Embedding`
use kerata::{Batch, Embedding, Lstm, model};

#[model(input = (Batch, 10, 27))]
struct OneHotWords {
    embed: Embedding<27, 16>,
    lstm: Lstm<_, 32>,
}

fn main() {}
