//~ weights are fields, such as `net.head.kernel`: `save_weights("net.safetensors")?` saves all
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};

#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    head: Dense<_, 3>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    println!("{:?}", net.head.get_weights());
    Ok(())
}
