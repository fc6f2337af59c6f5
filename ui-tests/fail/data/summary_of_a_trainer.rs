//~ the summary is that of the type of the model: `println!("{}", Net::summary())`
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*, loss::MeanSquaredError, optim::Adam, train::Trainer};

#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let mut trainer = Trainer::new(net, MeanSquaredError, Adam::default())?;
    println!("{}", trainer.summary());
    Ok(())
}
