//~ the number of parameters is that of the type: `Net::PARAMS`
use kerata::{Batch, Cpu, Dense, Error, Relu, model, prelude::*};
#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    hidden: Dense<_, 8, Relu>,
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    println!("{}", net.count_params());
    Ok(())
}
