//~ `&str` is no metric of the model `Net`
//~ a metric is a value, `BinaryAccuracy::default()`: `SparseCategoricalAccuracy`
use kerata::{Batch, Cpu, Dense, Error, Softmax, model, prelude::*};
use kerata::{data::InMemory, loss::SparseCategoricalCrossentropy, optim::Adam, train::{Fit, Trainer}};

#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    head: Dense<_, 3, Softmax>,
}

fn main() -> Result<(), Error> {
    let data = InMemory::new(vec![[0.5_f32; 4]; 3], vec![0_usize, 1, 2])?;
    let (net, loss) = (Net::build(&Cpu::seed_from_u64(0))?, SparseCategoricalCrossentropy::default());
    let mut trainer = Trainer::new(net, loss, Adam::default())?.metric("accuracy");
    trainer.fit(&data, &Fit::epochs(2))?;
    Ok(())
}
