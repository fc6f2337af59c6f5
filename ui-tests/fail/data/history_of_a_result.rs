//~ write `?` behind the call that gives it
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};
use kerata::{data::InMemory, loss::MeanSquaredError, optim::Adam, train::{Fit, Trainer}};

#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let mut trainer = Trainer::new(Net::build(&Cpu::default())?, MeanSquaredError, Adam::new(0.01))?;
    let data = InMemory::new(vec![[0.5_f32; 4]; 3], vec![1.0_f32; 3])?;
    let history = trainer.fit(&data, &Fit::epochs(2));
    println!("{:?}", history.last("loss"));
    Ok(())
}
