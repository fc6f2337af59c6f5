//~ weights are fields, such as `net.head.kernel`: `save_weights("net.safetensors")?` saves all
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};

#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let weights = net.state_dict();
    Ok(())
}
