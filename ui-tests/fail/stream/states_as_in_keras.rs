//~ a stream begins anew by `reset()`, and one of its rows by `reset_row(row)?`
use kerata::{Batch, Cpu, Dense, Error, Gru, Length, model, prelude::*};

#[model(input = (Batch, Length, 4), output = (Batch, 3))]
struct Net {
    gru: Gru<_, 8>,
    head: Dense<_, 3>,
}

fn main() -> Result<(), Error> {
    let mut stream = Net::build(&Cpu::seed_from_u64(0))?.stream(1)?;
    stream.step(&[[0.5; 4]])?;
    stream.reset_states();
    Ok(())
}
