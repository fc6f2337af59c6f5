//~ a `Sequential` is made of a tuple of layers, and `Dense<4, 1>` is none
//~ one layer is a tuple with a comma: `(Dense<4, 1>,)`
#![allow(unused_parens)]
use kerata::{Batch, Const, Cpu, Dense, Error, model::Sequential, prelude::*};

type Net = Sequential<(Batch, Const<4>), (Dense<4, 1>)>;

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    println!("{}", Net::summary());
    net.predict(&vec![[0.5_f32; 4]], 1)?;
    Ok(())
}
