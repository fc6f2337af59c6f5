//~ a window is at least 1 wide, not 0
use kerata::{Batch, Length, MaxPool1d, model};

const NONE: usize = 0;

#[model(input = (Batch, Length, 2))]
struct Net {
    pool: MaxPool1d<NONE, 2>,
}

fn main() {}
