//~ a model cannot hold itself: a layer that is called twice is `#[again(..)]`
use kerata::{Add, Batch, Dense, model};

#[model(input = (Batch, 4), output = (Batch, 4))]
struct Block {
    dense: Dense<_, 4>,
    inner: Block,
    #[from(inner, input)]
    sum: Add,
}

fn main() {}
