//~ `GlobalMaxPooling1d` needs the end of the sequence
use kerata::{Batch, Cpu, Dense, Error, GlobalMaxPooling1d, Length, Lstm, Sequences, model, prelude::*};

#[model(input = (Batch, Length, 4), output = (Batch, 2))]
struct Net {
    lstm: Lstm<_, 8, Sequences>,
    pool: GlobalMaxPooling1d,
    head: Dense<_, 2>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let mut stream = net.stream(1)?;
    let logits = stream.step(&[[0.5; 4]])?;
    println!("{logits:?}");
    Ok(())
}
