//~ a model stays on the device that it was built on: `Net::build(&Cpu::seed_from_u64(0))?`
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};

#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    head: Dense<_, 3>,
}

fn main() -> Result<(), Error> {
    let mut net = Net::build(&Cpu::seed_from_u64(0))?.to("cuda");
    Ok(())
}
