//~ a window of 3 cannot slide along `Size<2>`
use kerata::{Batch, Conv2d, MaxPool2d, model};

#[model(input = (Batch, 6, 6, 1))]
struct Net {
    conv1: Conv2d<_, 8, 3>,
    pool1: MaxPool2d<2>,
    pool2: MaxPool2d<3>,
}

fn main() {}
