//~ a stream goes on step by step: `step(&rows)?`, with what comes next in each of its rows
use kerata::{Batch, Cpu, Embedding, Error, Gru, Ids, Length, model, prelude::*};

#[model(input = Ids<(Batch, Length)>, output = (Batch, 16))]
struct Letters {
    embed: Embedding<27, 8>,
    gru: Gru<_, 16>,
}

fn main() -> Result<(), Error> {
    let mut stream = Letters::build(&Cpu::default())?.stream(1)?;
    println!("{:?}", stream.predict(&[1])?);
    Ok(())
}
