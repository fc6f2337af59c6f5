//~ 24 * 24 * 32 = 18432, not 18431
use kerata::{Batch, Dense, Flatten, model};

#[model(input = (Batch, 24, 24, 32))]
struct Net {
    flatten: Flatten<18431>,
    head: Dense<_, 10>,
}

fn main() {}
