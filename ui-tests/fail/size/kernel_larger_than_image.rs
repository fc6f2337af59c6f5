//~ a window of 5 cannot slide along `Size<4>`
use kerata::{Batch, Conv2d, model};

#[model(input = (Batch, 4, 28, 1))]
struct Net {
    conv: Conv2d<_, 8, 5>,
}

fn main() {}
