//~ several outputs are named by their fields, `outputs(first, second)`; the shape of one is given as `output = (Batch, 2)`
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};

#[model(input = (Batch, 6), outputs = (Batch, 2))]
struct Net {
    head: Dense<_, 2>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    println!("{}", Net::summary());
    println!("{}", Net::PARAMS);
    println!("{:?}", net.predict(&vec![[1_f32; 6]], 1)?.as_vec());
    Ok(())
}
