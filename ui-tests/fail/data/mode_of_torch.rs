//~lines 17
//~ a model alone is not trained
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};

#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let mut net = Net::build(&Cpu::seed_from_u64(0))?;
    net.train();
    Ok(())
}
