//~lines 14
//~ `Unmask` cannot take
use kerata::{Batch, Unmask, model};

#[model(input = (Batch, 10, 8))]
struct Net {
    unmask: Unmask,
}

fn main() {}
