//~lines 13
//~ has no options that `#[with(..)]` could set
//~ of several layers in one field, set the fields after `build`
use kerata::{Batch, Dense, Relu, TimeDistributed, model};

#[model(input = (Batch, 5, 4))]
struct Net {
    #[with(use_bias = false)]
    head: TimeDistributed<(Dense<4, 2>, Relu)>,
}

fn main() {}
