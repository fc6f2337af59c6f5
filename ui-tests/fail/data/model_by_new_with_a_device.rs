//~lines 14
//~ layers and models are made by `build`, on a device: `Net::build(&Cpu::seed_from_u64(0))?`
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};

#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    head: Dense<_, 3>,
}

fn main() -> Result<(), Error> {
    let net = Net::new(&Cpu::seed_from_u64(0))?;
    println!("{:?}", net.predict(&vec![[0.5_f32; 4]], 1)?.argmax()?);
    Ok(())
}
