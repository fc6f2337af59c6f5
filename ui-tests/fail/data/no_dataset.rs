//~ is no dataset
//~ `InMemory::new(inputs, targets)?` makes one
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};
use kerata::{loss::MeanSquaredError, optim::Adam, train::{Fit, Trainer}};

#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    head: Dense<_, 3>,
}

fn main() -> Result<(), Error> {
    let mut trainer = Trainer::new(Net::build(&Cpu::seed_from_u64(0))?, MeanSquaredError, Adam::default())?;
    trainer.fit(&(vec![[0.5_f32; 4]; 3], vec![[1.0_f32, 0.0, 0.0]; 3]), &Fit::epochs(2))?;
    Ok(())
}
