//~ `Settings` is no layer of a model: it cannot be built
//~ settings: Settings,
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};

struct Settings {
    units: usize,
}

#[model(input = (Batch, 8))]
struct Net {
    settings: Settings,
    head: Dense<_, 2>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::default())?;
    println!("{:?} {}", net.clone(), net.settings.units);
    Ok(())
}
