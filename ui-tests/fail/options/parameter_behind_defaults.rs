//~ `strides` is a parameter of the type here: write `Conv2d<_, 8, 3, 3, Linear, Valid, 2>`
use kerata::{Batch, Conv2d, model};

#[model(input = (Batch, 8, 8, 1))]
struct Net {
    #[with(strides = 2)]
    conv: Conv2d<_, 8, 3>,
}

fn main() {}
