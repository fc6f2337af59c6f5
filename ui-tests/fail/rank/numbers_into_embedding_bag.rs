//~ token ids are needed here, `Ids<(Batch, Length)>`
//~ ids are whole numbers, `usize`, and are declared as such
use kerata::{Batch, Dense, EmbeddingBag, MaskZero, model};

#[model(input = (Batch, 100), output = (Batch, 2))]
struct Texts {
    bag: EmbeddingBag<5_000, 32, MaskZero>,
    head: Dense<_, 2>,
}

fn main() {}
