//~ a window of 3 cannot slide along
//~ (stride 0, dilation 1)
use kerata::{Batch, Conv1d, Linear, Valid, model};

const NONE: usize = 0;

#[model(input = (Batch, 6, 2))]
struct Net {
    conv: Conv1d<_, 8, 3, Linear, Valid, NONE>,
}

fn main() {}
