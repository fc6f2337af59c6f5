//~ of several inputs `#[from(input.0)]` takes one
use kerata::{Batch, Concatenate, Dense, Embedding, Ids, Inputs, Lstm, MaskZero, model};
#[model(input = Inputs<(Ids<(Batch, 20)>, (Batch, 4))>, output = (Batch, 1))]
struct Net {
    embed: Embedding<500, 8, MaskZero>,
    text: Lstm<_, 16>,
    #[from(text, input.1)]
    both: Concatenate<_>,
    head: Dense<_, 1>,
}

fn main() {}
