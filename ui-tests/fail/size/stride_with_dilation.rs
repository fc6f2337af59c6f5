//~ a stride of 2 with a dilation of 3: one of the two is 1, in Keras too
use kerata::{Batch, Conv2d, Relu, Same, model};

#[model(input = (Batch, 28, 28, 3))]
struct Net {
    conv: Conv2d<_, 8, 3, 3, Relu, Same, 2, 3>,
}

fn main() {}
