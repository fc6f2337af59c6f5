//~ `Rescaling` has no parameters, and its options stand in front of the field, `#[with(scale = ..)]`
//~ write `factor = kerata::Factor::of(0.2)`
//~ write `height_factor = kerata::Factor::between(-0.1, 0.3)`
//~ Python's `None`: leave `kernel_regularizer` away
//~ Python's `None`: leave `bias_initializer` away
//~ both directions of `Bidirectional<Lstm<_, 4>>` have a layer of one kind
//~lines 6
#![allow(unused_imports)]
use kerata::{Batch, Bidirectional, Dense, Gru, Lstm, RandomRotation, RandomZoom, Rescaling, model};

#[model(input = (Batch, 8, 8, 3))]
struct Net {
    scaled: Rescaling<0.0039>,
    #[with(factor = 0.2)]
    rotated: RandomRotation,
    #[with(height_factor = (-0.1, 0.3))]
    zoomed: RandomZoom,
    #[with(kernel_regularizer = None)]
    free: Dense<_, 4>,
    #[with(bias_initializer = None)]
    zeros: Dense<_, 4>,
    #[with(backward_layer = Gru)]
    both: Bidirectional<Lstm<_, 4>>,
}

fn main() {}
