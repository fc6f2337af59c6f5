//~ `RandomNormal` has no `std`: its arguments are `mean` and `stddev`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4))]
struct Net {
    #[with(kernel_initializer = RandomNormal { std: 0.02 })]
    head: Dense<_, 2>,
}

fn main() {}
