//~ `MeanSquaredError` is no optimiser
//~ an optimiser is a value, such as `Adam::new(0.001)`, and stands behind the loss
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};
use kerata::{data::InMemory, loss::MeanSquaredError, optim::Adam, train::{Fit, Trainer}};

#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    head: Dense<_, 3>,
}

fn main() -> Result<(), Error> {
    let data = InMemory::new(vec![[0.5_f32; 4]; 3], vec![[1.0_f32, 0.0, 0.0]; 3])?;
    let mut trainer = Trainer::new(Net::build(&Cpu::seed_from_u64(0))?, Adam::default(), MeanSquaredError)?;
    trainer.fit(&data, &Fit::epochs(2))?;
    Ok(())
}
