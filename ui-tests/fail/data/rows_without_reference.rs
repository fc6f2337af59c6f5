//~ `Vec<[f32; 4]>` is only looked at here, and not taken: write `&` before it
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};

#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let answers = net.predict(vec![[0.5_f32; 4]; 3], 1)?;
    println!("{:?}", answers.as_vec());
    Ok(())
}
