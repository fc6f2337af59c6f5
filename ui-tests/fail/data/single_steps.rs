//~ a trainer makes all steps of an epoch: `trainer.fit(&data, &Fit::epochs(10))?`
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*, loss::MeanSquaredError, optim::Adam, train::Trainer};

#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let mut trainer = Trainer::new(net, MeanSquaredError, Adam::default())?;
    let loss = trainer.train_on_batch(&vec![[0.5_f32; 4]], &vec![[1.0_f32]])?;
    println!("{loss}");
    Ok(())
}
