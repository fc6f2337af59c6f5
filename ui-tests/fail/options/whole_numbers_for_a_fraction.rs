//~ this option takes a `f64`, not a `{integer}`
use kerata::{Batch, Conv2d, Rescaling, model};

#[model(input = (Batch, 28, 28, 1))]
struct Net {
    #[with(scale = 1 / 255)]
    scale: Rescaling,
    conv: Conv2d<_, 8, 3, 3>,
}

fn main() {}
