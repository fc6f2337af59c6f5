//~ a `Result` stands here: write `?` behind the call that gives it
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};

#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    head: Dense<_, 3>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0));
    net.save_weights("net.safetensors")?;
    Ok(())
}
