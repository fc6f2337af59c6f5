//~ 4
//~ 3
use kerata::{Batch, DepthwiseConv2d, model};

#[model(input = (Batch, 8, 8, 3))]
struct Net {
    conv: DepthwiseConv2d<4, 3>,
}

fn main() {}
