#![deny(warnings)]
//! A layer that is called again, with all that is imported for it.

use kerata::{Again, Batch, Concatenate, Cpu, Dense, Inputs, model, prelude::*};

#[model(input = Inputs<((Batch, 5), (Batch, 5))>, output = (Batch, 8))]
struct Net {
    #[from(input.0)]
    tower: Dense<_, 4>,
    #[again(tower)]
    #[from(input.1)]
    other: Again,
    #[from(tower, other)]
    both: Concatenate<_>,
}

fn main() {
    let _ = Net::build(&Cpu::default());
}
