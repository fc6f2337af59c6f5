//~ a window of 3 cannot slide along `Size<6>` (stride 1, dilation 3)
use kerata::{Batch, Conv1d, Linear, Valid, model};

#[model(input = (Batch, 6, 2))]
struct Net {
    conv: Conv1d<_, 8, 3, Linear, Valid, 1, 3>,
}

fn main() {}
