//~ callbacks belong to the trainer: `trainer.callback(EarlyStopping::new("val_loss"))`, one call for each
use kerata::{Batch, Cpu, Dense, Error, callbacks::EarlyStopping, data::InMemory, model, prelude::*};
use kerata::{loss::SparseCategoricalCrossentropy, optim::Adam, train::{Fit, Trainer}};

#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    head: Dense<_, 3>,
}

fn main() -> Result<(), Error> {
    let data = InMemory::new(vec![[0.5_f32; 4]; 3], vec![0_usize, 1, 2])?;
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let mut trainer = Trainer::new(net, SparseCategoricalCrossentropy::default(), Adam::new(0.01))?;
    trainer.fit(&data, &Fit::epochs(3).callbacks(vec![EarlyStopping::new("loss")]))?;
    Ok(())
}
