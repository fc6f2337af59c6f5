//~ Flatten<40>` needs the end of the sequence
use kerata::{Batch, Cpu, Dense, Flatten, model, prelude::*};

#[model(input = (Batch, 10, 4), output = (Batch, 2))]
struct Flat {
    flatten: Flatten<_>,
    head: Dense<_, 2>,
}

fn main() {
    let flat = Flat::build(&Cpu::default()).unwrap();
    let _ = flat.stream(1);
}
