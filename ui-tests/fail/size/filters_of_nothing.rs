//~ a convolution has at least 1 filter, not 0
use kerata::{Batch, Conv2d, model};

const NONE: usize = 0;

#[model(input = (Batch, 9, 9, 1))]
struct Net {
    layer: Conv2d<_, NONE, 3>,
}

fn main() {}
