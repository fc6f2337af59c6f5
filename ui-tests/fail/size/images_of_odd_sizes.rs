//~ `(usize, Size<9>, Size<9>, Size<8>)` and `(usize, Size<8>, Size<8>, Size<8>)` arrive
//~ `ZeroPadding2d` makes one larger, `Cropping2d` smaller
use kerata::{Batch, Concatenate, Conv2d, MaxPool2d, Relu, Same, UpSampling2d, model};

#[model(input = (Batch, 9, 9, 3))]
struct Net {
    conv: Conv2d<_, 8, 3, 3, Relu, Same>,
    pool: MaxPool2d<2>,
    up: UpSampling2d<2>,
    #[from(conv, up)]
    both: Concatenate<_>,
}

fn main() {}
