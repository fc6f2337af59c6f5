//~ 6 channels and 8 filters cannot be in 4 groups: both numbers have to be multiples of 4
use kerata::{Batch, Conv2d, Groups, Linear, Valid, model};

#[model(input = (Batch, 9, 9, 6))]
struct Net {
    conv: Conv2d<_, 8, 3, 3, Linear, Valid, 1, 1, Groups<4>>,
}

fn main() {}
