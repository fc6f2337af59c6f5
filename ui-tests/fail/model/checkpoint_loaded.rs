//~ a training goes on from a checkpoint by `trainer.resume(path)?`
use kerata::{Batch, Cpu, Dense, Error, loss::MeanSquaredError, model, optim::Adam, prelude::*, train::Trainer};

#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let mut trainer = Trainer::new(net, MeanSquaredError, Adam::new(0.1))?;
    trainer.load_checkpoint("run.safetensors")?;
    Ok(())
}
