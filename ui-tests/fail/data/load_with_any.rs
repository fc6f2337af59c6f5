//~ `let words: Vocabulary = net.load_with(..)?`
//~lines 14
use kerata::{Batch, Cpu, Dense, Error, Relu, model, prelude::*};
#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    hidden: Dense<_, 8, Relu>,
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let mut net = Net::build(&Cpu::seed_from_u64(0))?;
    let words = net.load_with("net.safetensors")?;
    println!("{net:?}");
    Ok(())
}
