//~ several inputs stand in `Inputs`: write `Inputs<(Ids<(Batch, 4)>, (Batch, 3))>`
use kerata::{Batch, Concatenate, Dense, Embedding, Ids, Lstm, model};

#[model(input = [Ids<(Batch, 4)>, (Batch, 3)], output = (Batch, 2))]
struct Net {
    #[from(input.0)]
    words: Embedding<100, 8>,
    text: Lstm<_, 4>,
    #[from(text, input.1)]
    both: Concatenate<_>,
    head: Dense<_, 2>,
}

fn main() {}
