//~lines 28
//~ a window is at least 1 wide, not 0
use kerata::{Batch, Length, MaxPool1d, model};

#[model(input = (Batch, Length, 2))]
struct Net {
    pool: MaxPool1d<0, 2>,
}

fn main() {}
