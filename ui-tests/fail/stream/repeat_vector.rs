//~ `RepeatVector<5>` needs the end of the sequence
//~ in place of a `RepeatVector`, feed the vector at each step
use kerata::{Batch, Cpu, Error, Lstm, RepeatVector, Sequences, model, prelude::*};

#[model(input = (Batch, 8), output = (Batch, 5, 4))]
struct Net {
    repeat: RepeatVector<5>,
    lstm: Lstm<_, 4, Sequences>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    println!("{}", net.stream(1)?.rows());
    Ok(())
}
