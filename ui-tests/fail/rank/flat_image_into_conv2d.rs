//~ images are needed here, `(Batch, Height, Width, Channels)`
//~ channels come last
use kerata::{Batch, Conv2d, model};

#[model(input = (Batch, 28, 28))]
struct Net {
    conv: Conv2d<_, 8, 3>,
}

fn main() {}
