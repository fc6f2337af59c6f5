//~ `Net` has no `new`: `Net::build(&Cpu::seed_from_u64(0))?` makes one
use kerata::{Batch, Dense, model, prelude::*};

#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    head: Dense<_, 3>,
}

fn main() {
    let _ = Net::new();
}
