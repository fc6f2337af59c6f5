//~ `Result<Net, kerata::Error>` is no model
//~ out of a `Result` it is taken by `?`
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};

#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0));
    println!("{:?}", net.predict(&vec![[0.5_f32; 4]; 2], 32)?.as_vec());
    Ok(())
}
