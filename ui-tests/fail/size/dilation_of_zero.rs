//~ the dilation of a window is at least 1, not 0
use kerata::{Batch, Causal, Conv1d, Linear, model};

const NONE: usize = 0;

#[model(input = (Batch, 6, 2))]
struct Net {
    conv: Conv1d<_, 8, 3, Linear, Causal, 1, NONE>,
}

fn main() {}
