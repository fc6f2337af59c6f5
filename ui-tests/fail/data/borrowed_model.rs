//~ `&Net` is no model
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*, loss::MeanSquaredError, optim::Adam, data::InMemory, train::{Fit, Trainer}};
#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    head: Dense<_, 1>,
}
fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let data = InMemory::new(vec![[0.5_f32; 4]; 3], vec![1.0_f32; 3])?;
    let mut trainer = Trainer::new(&net, MeanSquaredError, Adam::default())?;
    trainer.fit(&data, &Fit::epochs(2))?;
    Ok(())
}
