//~ `{integer}` does not say how to train: write `&Fit::epochs(10)`
use kerata::{Batch, Cpu, Dense, Error, data::InMemory, loss::MeanSquaredError, model, optim::Adam, prelude::*, train::{Fit, Trainer}};

#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let data = InMemory::new(vec![[0.5_f32; 4]; 3], vec![1.0_f32; 3])?;
    let mut trainer = Trainer::new(net, MeanSquaredError, Adam::default())?;
    trainer.fit(&data, 10)?;
    trainer.fit(&data, Fit::epochs(10))?;
    Ok(())
}
