//~ the targets are `(usize, Size<3>)` here, but must be `Ids<(usize,)>` for this trainer
//~ training and validation data have targets of one kind
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};
use kerata::{data::InMemory, loss::SparseCategoricalCrossentropy, optim::Adam, train::{Fit, Trainer}};

#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    head: Dense<_, 3>,
}

fn main() -> Result<(), Error> {
    let data = InMemory::new(vec![[0.5_f32; 4]; 3], vec![0_u8, 1, 2])?;
    let held_out = InMemory::new(vec![[0.5_f32; 4]; 3], vec![[1.0_f32, 0.0, 0.0]; 3])?;
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let mut trainer = Trainer::new(net, SparseCategoricalCrossentropy::from_logits(), Adam::default())?;
    trainer.fit_validated(&data, &held_out, &Fit::epochs(2))?;
    Ok(())
}
