//~ the data holds
//~ but the model takes
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};

#[model(input = (Batch, 4))]
struct Net {
    head: Dense<_, 2>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::default())?;
    net.predict(&vec![[0.0_f32; 3]], 32)?;
    Ok(())
}
