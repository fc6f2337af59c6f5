//~ the layers of a model are the fields of its struct
//~lines 20
use kerata::{Batch, Cpu, Dense, Error, Relu, model, prelude::*};
#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    hidden: Dense<_, 8, Relu>,
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let mut net = Net::build(&Cpu::seed_from_u64(0))?;
    net.add(Dense::<1, 1>::build(&Cpu::default())?);
    println!("{net:?}");
    Ok(())
}
