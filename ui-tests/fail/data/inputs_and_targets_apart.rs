//~ `Vec<[f32; 4]>` is no dataset
//~ `InMemory::new(inputs, targets)?` makes one of samples
use kerata::{Batch, Cpu, Dense, Error, loss::MeanSquaredError, model, optim::Adam, prelude::*, train::Trainer};

#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let (x, y) = (vec![[0.5_f32; 4]; 3], vec![1.0_f32; 3]);
    let mut trainer = Trainer::new(net, MeanSquaredError, Adam::default())?;
    let history = trainer.fit(&x, &y)?;
    println!("{:?}", history.last("loss"));
    Ok(())
}
