//~ `Print` is no callback for the model `Net`
use kerata::{Batch, Cpu, Error, Dense, Softmax, model, prelude::*};
use kerata::{data::InMemory, loss::SparseCategoricalCrossentropy, optim::Adam, train::{Fit, Trainer}};
struct Print;
#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    head: Dense<_, 3, Softmax>,
}

fn main() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let net = Net::build(&dev)?;
    let data = InMemory::new(vec![[0.5; 4]; 8], vec![0_usize; 8])?;
    let mut trainer = Trainer::new(net, SparseCategoricalCrossentropy::default(), Adam::new(0.01))?;
    let mut trainer = trainer.callback(Print);
    trainer.fit(&data, &Fit::epochs(2))?;
    Ok(())
}
