//~ `Vec<[f32; 4]>` cannot be fed to a layer
//~ no tensor: rows in a `Vec` go to `predict`
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};

#[model(input = (Batch, 4))]
struct Net {
    head: Dense<_, 2>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::default())?;
    println!("{:?}", net.forward(vec![[0.0_f32; 4]])?.as_vec());
    Ok(())
}
