//~ write `Lstm<_, 16>`
use kerata::{Batch, Cpu, Dense, Embedding, Error, Ids, Length, Lstm, model, prelude::*};

#[model(input = Ids<(Batch, Length)>, output = (Batch, 27))]
struct Letters {
    embed: Embedding<27, 8>,
    lstm: Lstm<16>,
    next: Dense<_, 27>,
}

fn main() -> Result<(), Error> {
    let model = Letters::build(&Cpu::seed_from_u64(0))?;
    let mut stream = model.stream(1)?;
    println!("{:?}", stream.step(&[3])?);
    stream.reset();
    Ok(())
}
