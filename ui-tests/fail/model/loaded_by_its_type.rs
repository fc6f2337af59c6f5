//~ `load_weights(..)?` reads them
//~lines 17
use kerata::{Batch, Dense, Error, Relu, model, prelude::*};
#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    hidden: Dense<_, 8, Relu>,
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let net = Net::load("net.safetensors")?;
    println!("{net:?}");
    Ok(())
}
