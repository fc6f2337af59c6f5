//~ `MeanSquaredError` cannot compare the prediction
use kerata::data::InMemory;
use kerata::loss::MeanSquaredError;
use kerata::optim::Adam;
use kerata::train::{Fit, Trainer};
use kerata::{Batch, Cpu, Error, Lstm, Sequences, model, prelude::*};

#[model(input = (Batch, 5, 4))]
struct Net {
    lstm: Lstm<_, 2, Sequences>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::default())?;
    let data = InMemory::new(vec![[[0.0_f32; 4]; 5]], vec![[0.0_f32, 1.0]])?;
    let mut trainer = Trainer::new(net, MeanSquaredError, Adam::default())?;
    trainer.fit(&data, &Fit::default())?;
    Ok(())
}
