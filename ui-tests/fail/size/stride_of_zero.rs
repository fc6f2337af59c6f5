//~ a window of 3 does not fit
//~ (stride 0, dilation 1)
use kerata::{Batch, Conv1d, Linear, Valid, model};

#[model(input = (Batch, 6, 2))]
struct Net {
    conv: Conv1d<_, 8, 3, Linear, Valid, 0>,
}

fn main() {}
