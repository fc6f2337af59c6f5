//~ layers have no `PartialEq`, so a model has none: compare what it predicts, or its `parameters()`
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};

#[model(input = (Batch, 8))]
#[derive(Debug, PartialEq)]
struct Net {
    head: Dense<_, 2>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::default())?;
    println!("{:?}", net.clone() == net);
    Ok(())
}
