//~ an optimiser holds settings alone: `Trainer::new(model, loss, optimizer)?` has `fit`, which makes the steps
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*, optim::Adam};

#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let mut adam = Adam::default();
    adam.zero_grad();
    Ok(())
}
