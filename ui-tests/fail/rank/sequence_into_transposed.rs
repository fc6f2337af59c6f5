//~ images are needed here
use kerata::{Batch, Conv2dTranspose, model};

#[model(input = (Batch, 8, 3))]
struct Net {
    conv: Conv2dTranspose<_, 4, 3>,
}

fn main() {}
