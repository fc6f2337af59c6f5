//~ `&str` names no output of `Net`: write the constant of the `#[model]`, `Net::NAME`
use kerata::{Batch, Cpu, Dense, Error, Softmax, model, data::InMemory, loss::{MeanSquaredError, SparseCategoricalCrossentropy},
    metric::SparseCategoricalAccuracy, optim::Adam, prelude::*, train::{Fit, Trainer}};

#[model(input = (Batch, 4), outputs(size, color))]
struct Net {
    size: Dense<_, 1>,
    #[from(input)]
    color: Dense<_, 3, Softmax>,
}

fn main() -> Result<(), Error> {
    let losses = (MeanSquaredError, SparseCategoricalCrossentropy::default());
    let mut trainer = Trainer::new(Net::build(&Cpu::default())?, losses, Adam::default())?
        .metric_of("color", SparseCategoricalAccuracy);
    let data = InMemory::new(vec![[0.1_f32, 0.2, 0.3, 0.4]; 2], (vec![[1.0_f32]; 2], vec![0_usize, 1]))?;
    trainer.fit(&data, &Fit::epochs(2))?;
    Ok(())
}
