//~ `trainer.freeze("hidden")?` names its layer
use kerata::{Batch, Cpu, Dense, Error, Relu, Softmax, model, prelude::*};
use kerata::{data::InMemory, loss::SparseCategoricalCrossentropy, optim::Adam, train::{Fit, Trainer}};
#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    hidden: Dense<_, 8, Relu>,
    head: Dense<_, 3, Softmax>,
}

fn main() -> Result<(), Error> {
    let data = InMemory::new(vec![[0.5_f32; 4]; 3], vec![0_usize, 1, 2])?;
    let mut net = Net::build(&Cpu::seed_from_u64(0))?;
    net.hidden.kernel.requires_grad_(false);
    let mut trainer = Trainer::new(net, SparseCategoricalCrossentropy::default(), Adam::new(0.01))?;
    trainer.fit(&data, &Fit::epochs(2))?;
    Ok(())
}
