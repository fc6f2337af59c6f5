//~ 5 slopes along an axis need as many values, but 6 arrive: 1 is one slope for all of them
use kerata::{Batch, PRelu1d, model};

#[model(input = (Batch, 6, 4))]
struct Net {
    act: PRelu1d<_, 5>,
}

fn main() {}
