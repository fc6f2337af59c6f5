//~ the number of features must be 3 here, but `Size<1>` arrives
use kerata::{Batch, Conv2d, model};

#[model(input = (Batch, 28, 28, 1))]
struct Net {
    conv: Conv2d<3, 8, 3>,
}

fn main() {}
