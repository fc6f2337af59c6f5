//~ write `Conv2d<_, 8, 3, 3, Relu, Valid, 1, 1, Groups<4>>`
use kerata::{Batch, Conv2d, Relu, model};

#[model(input = (Batch, 8, 8, 4))]
struct Net {
    #[with(groups = 4)]
    conv: Conv2d<_, 8, 3, 3, Relu>,
}

fn main() {}
