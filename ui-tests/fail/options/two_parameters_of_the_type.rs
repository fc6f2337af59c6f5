//~ `padding` and `strides` are parameters of the type here: write `Conv2d<_, 8, 3, 3, Linear, Same, 2>`
use kerata::{Batch, Conv2d, model};

#[model(input = (Batch, 28, 28, 1))]
struct Net {
    #[with(padding = "same", strides = 2)]
    conv: Conv2d<_, 8, 3, 3>,
}

fn main() {}
