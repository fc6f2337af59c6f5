//~ `SparseCategoricalCrossentropy` cannot compare the prediction
//~ one-hot rows with `CategoricalCrossentropy`
use kerata::data::InMemory;
use kerata::loss::SparseCategoricalCrossentropy;
use kerata::optim::Adam;
use kerata::train::{Fit, Trainer};
use kerata::{Batch, Cpu, Dense, Error, Softmax, model, prelude::*};

#[model(input = (Batch, 4))]
struct Net {
    head: Dense<_, 2, Softmax>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::default())?;
    let data = InMemory::new(vec![[0.0_f32; 4]], vec![[0.0_f32, 1.0]])?;
    let mut trainer = Trainer::new(net, SparseCategoricalCrossentropy::default(), Adam::default())?;
    trainer.fit(&data, &Fit::default())?;
    Ok(())
}
