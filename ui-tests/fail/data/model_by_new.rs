//~lines 14
//~ layers and models are made by `build`, on a device: `Net::build(&Cpu::seed_from_u64(0))?`
//~ expected function
use kerata::{Batch, Dense, model, prelude::*};

#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    head: Dense<_, 3>,
}

fn main() {
    let _ = Net::new();
}
