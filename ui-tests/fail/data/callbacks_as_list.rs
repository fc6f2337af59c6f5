//~ callbacks and metrics are added to a trainer one by one: `.callback(EarlyStopping::new("val_loss"))`
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*, callbacks::EarlyStopping, loss::MeanSquaredError, optim::Adam, train::Trainer};

#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let trainer = Trainer::new(net, MeanSquaredError, Adam::default())?.callbacks(vec![EarlyStopping::new("val_loss")]);
    Ok(())
}
