//~ `BinaryAccuracy` is no metric of the model `Net` with the targets `Ids<(usize,)>`
//~ `SparseCategoricalAccuracy` for class ids
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};
use kerata::{data::InMemory, loss::SparseCategoricalCrossentropy, metric::BinaryAccuracy, optim::Adam};
use kerata::train::{Fit, Trainer};

#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    head: Dense<_, 3>,
}

fn main() -> Result<(), Error> {
    let data = InMemory::new(vec![[0.5_f32; 4]; 3], vec![0_u8, 1, 2])?;
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let trainer = Trainer::new(net, SparseCategoricalCrossentropy::from_logits(), Adam::default())?;
    trainer.metric(BinaryAccuracy::default()).fit(&data, &Fit::epochs(2))?;
    Ok(())
}
