//~ `Causal` stands in place of the padding, `Valid` or `Same`: write `Conv2d<_, 8, 3, 3, Linear, Same>`
use kerata::{Batch, Causal, Conv2d, Linear, model};

#[model(input = (Batch, 28, 28, 1))]
struct Net {
    conv: Conv2d<_, 8, 3, 3, Linear, Causal>,
}

fn main() {}
