//~ a model holds no gradients: `Trainer::new(model, loss, optimizer)?` has `fit`, which makes the steps
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};

#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    head: Dense<_, 3>,
}

fn main() -> Result<(), Error> {
    let mut net = Net::build(&Cpu::seed_from_u64(0))?;
    net.zero_grad();
    Ok(())
}
