//~ what reaches the first layer is said once: write `#[model(input = ..)]`, and no `input_shape`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4))]
struct Net {
    #[with(input_shape = (4,))]
    head: Dense<_, 3>,
}

fn main() {}
