//~ `ZeroPadding2D` is called `ZeroPadding2d` here: write `ZeroPadding2d<0, 0, 1, 2>`
//~ sizes are written one by one, rows, columns, rows below and columns on the right: write `Cropping2d<1, 3, 2, 4>`
//~ sizes are written one by one, not as a tuple: write `Cropping1d<1, 2>`
//~ the sizes of a shape are types, `Const`: write `Reshape<(Const<4>, Const<2>)>`
//~ write `Dense<4, 8>`
//~ each size of a shape is written, also the one that Keras calculates
//~ parameters have places here, not names: write `UpSampling2d<2, 3>`
#![allow(unused_imports)]
use kerata::{Batch, Cropping1d, Cropping2d, Dense, Reshape, UpSampling2d, ZeroPadding2D, model};

#[model(input = (Batch, 8, 8, 3))]
struct Net {
    pad: ZeroPadding2D<((0, 1), (0, 2))>,
    crop: Cropping2d<(1, 2), (3, 4)>,
    steps: Cropping1d<(1, 2)>,
    shape: Reshape<(4, 2)>,
    rest: Reshape<(-1, 4)>,
    units: Dense<(4, 8)>,
    up: UpSampling2d<size = (2, 3)>,
}

fn main() {}
