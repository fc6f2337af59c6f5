//~ a stride of 2 with a dilation of 2: one of the two is 1, in Keras too
use kerata::{Batch, Conv1dTranspose, Relu, Same, model};

#[model(input = (Batch, 28, 3))]
struct Net {
    conv: Conv1dTranspose<_, 8, 3, Relu, Same, 2, 2>,
}

fn main() {}
