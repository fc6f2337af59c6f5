//~ `CategoricalCrossentropy` cannot compare the prediction `(usize, Size<3>)` with the target `Ids<(usize,)>`
//~ class ids, `Ids<..>`, go with `SparseCategoricalCrossentropy`, one-hot rows with
use kerata::{
    Batch, Cpu, Dense, Error, Softmax,
    data::InMemory,
    loss::CategoricalCrossentropy,
    model,
    optim::Adam,
    prelude::*,
    train::{Fit, Trainer},
};

#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    head: Dense<_, 3, Softmax>,
}

fn main() -> Result<(), Error> {
    let data = InMemory::new(vec![[0.5_f32; 4]; 3], vec![0_usize, 1, 2])?;
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let mut trainer = Trainer::new(net, CategoricalCrossentropy::default(), Adam::default())?;
    trainer.fit(&data, &Fit::epochs(2))?;
    Ok(())
}
