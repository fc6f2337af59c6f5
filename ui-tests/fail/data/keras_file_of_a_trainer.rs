//~ the weights are those of the model: `trainer.model.save_weights("net.safetensors")?`
use kerata::{Batch, Cpu, Dense, Error, data::InMemory, loss::MeanSquaredError, model, optim::Adam, prelude::*, train::{Fit, Trainer}};

#[model(input = (Batch, 1), output = (Batch, 1))]
struct Net {
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let mut trainer = Trainer::new(Net::build(&Cpu::default())?, MeanSquaredError, Adam::default())?;
    trainer.fit(&InMemory::new(vec![[0.5]], vec![[1.0]])?, &Fit::epochs(1))?;
    trainer.save_keras("net.keras")?;
    Ok(())
}
