//~ the rate of a `Dropout` is 0 to 99 percent
use kerata::{Batch, Dropout, model};

const ALL: usize = 100;

#[model(input = (Batch, 8))]
struct Net {
    drop: Dropout<ALL>,
}

fn main() {}
