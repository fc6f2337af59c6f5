//~ one vector per sample is needed here
//~ head: Dense<UNITS, 2>,
use kerata::{Batch, Cpu, Dense, Error, Lstm, Sequences, model, prelude::*};

#[model(input = (Batch, 10, 8), output = (Batch, 2))]
struct Net<const UNITS: usize> {
    hidden: Lstm<8, UNITS, Sequences>,
    head: Dense<UNITS, 2>,
    tail: Dense<2, 2>,
}

fn main() -> Result<(), Error> {
    let net = Net::<4>::build(&Cpu::default())?;
    println!("{:?}", net.predict(&vec![[[0.0; 8]; 10]], 1)?.as_vec());
    Ok(())
}
