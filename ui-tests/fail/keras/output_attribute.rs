//~ what a model gives is named above it: write `outputs(a, b)` in `#[model(..)]`, with fields
use kerata::{Batch, Dense, Relu, Softmax, model};
#[model(input = (Batch, 6))]
struct Net {
    trunk: Dense<_, 8, Relu>,
    #[output]
    size: Dense<_, 1>,
    #[from(trunk)]
    #[output]
    color: Dense<_, 3, Softmax>,
}

fn main() {}
