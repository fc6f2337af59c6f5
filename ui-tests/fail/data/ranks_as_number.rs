//~ `{integer}` connects no ranks
use kerata::{Batch, Cpu, Dense, Error, data::InMemory, loss::MeanSquaredError, model, optim::Adam, prelude::*, train::{Fit, Trainer}};

#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let mut trainer = Trainer::new(net, MeanSquaredError, Adam::default())?.distributed(4);
    trainer.fit(&InMemory::new(vec![[0.5; 4]; 3], vec![[0.0]; 3])?, &Fit::epochs(1))?;
    Ok(())
}
