//~ it has no time steps
use kerata::data::InMemory;
use kerata::loss::MeanSquaredError;
use kerata::optim::Adam;
use kerata::reduce::PerStep;
use kerata::train::{Fit, Trainer};
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};

#[model(input = (Batch, 4))]
struct Net {
    head: Dense<_, 2>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::default())?;
    let data = InMemory::new(vec![[0.0_f32; 4]], vec![[0.0_f32, 1.0]])?;
    let data = data.with_weights(PerStep::from(vec![[1.0; 4]]))?;
    let mut trainer = Trainer::new(net, MeanSquaredError, Adam::default())?;
    trainer.fit(&data, &Fit::default())?;
    Ok(())
}
