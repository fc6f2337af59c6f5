//~ token ids are needed here, `Ids<(Batch, Length)>`
//~ ids are whole numbers: feed a tensor of `usize`
use kerata::{Batch, Dense, EmbeddingBag, MaskZero, model};

#[model(input = (Batch, 100), output = (Batch, 2))]
struct Texts {
    bag: EmbeddingBag<5_000, 32, MaskZero>,
    head: Dense<_, 2>,
}

fn main() {}
