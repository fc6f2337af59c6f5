//~lines 26
//~ the rate of a `Dropout` is 0 to 99 percent
use kerata::{Batch, Dropout, model};

#[model(input = (Batch, 8))]
struct Net {
    drop: Dropout<100>,
}

fn main() {}
