//~ the weights are those of the model: `trainer.model.save_weights("net.safetensors")?`
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*, loss::MeanSquaredError, optim::Adam, train::Trainer};

#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let mut trainer = Trainer::new(net, MeanSquaredError, Adam::default())?;
    trainer.save_weights("net.safetensors")?;
    Ok(())
}
