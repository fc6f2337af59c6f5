//~ `Size<4>` cannot be cropped by 2 in front and 2 behind
//~ nothing would be left
use kerata::{Batch, Cropping2d, model};

#[model(input = (Batch, 4, 28, 1))]
struct Net {
    crop: Cropping2d<2>,
}

fn main() {}
