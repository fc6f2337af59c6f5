//~ it cannot stand for the features of the value, which may be left away: write `MultiHeadAttention<_, 2, 8, 8, 16>`
//~ it cannot stand for the activation, which may be left away: write `DepthwiseConv2d<_, 3, 3>`
//~ it cannot stand for the window size: write `Conv2d<_, 8, 3>`
//~ and stands in front of the window size: write `DepthwiseConv2d<_, 3>`
//~lines 5
#![allow(unused_imports)]
use kerata::{Batch, Conv2d, DepthwiseConv2d, MultiHeadAttention, model};

#[model(input = (Batch, 8, 8, 16))]
struct Net {
    attention: MultiHeadAttention<_, 2, 8, 8, 16, _>,
    depthwise: DepthwiseConv2d<_, 3, 3, _>,
    conv: Conv2d<_, 8, _>,
    turned: DepthwiseConv2d<3, _>,
}

fn main() {}
