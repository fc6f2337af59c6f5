//~ one vector per sample is needed here
use kerata::{Batch, Conv2d, Dense, model};

#[model(input = (Batch, 28, 28, 1))]
struct Net {
    conv: Conv2d<_, 8, 3>,
    head: Dense<_, 10>,
}

fn main() {}
