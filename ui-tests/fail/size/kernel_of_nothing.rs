//~ a window is at least 1 wide, not 0
use kerata::{Batch, Conv2d, Relu, Same, model};

const NONE: usize = 0;

#[model(input = (Batch, 28, 28, 1))]
struct Net {
    conv: Conv2d<_, 8, NONE, 3, Relu, Same>,
}

fn main() {}
