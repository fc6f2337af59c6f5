//~ JustTheType<TopKCategoricalAccuracy>` is no metric
//~ a metric is a value, `BinaryAccuracy::default()`
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};
use kerata::{data::InMemory, loss::SparseCategoricalCrossentropy, metric::TopKCategoricalAccuracy, optim::Adam, train::{Fit, Trainer}};

#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    head: Dense<_, 3>,
}

fn main() -> Result<(), Error> {
    let data = InMemory::new(vec![[0.5_f32; 4]; 3], vec![0_usize, 1, 2])?;
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let mut trainer = Trainer::new(net, SparseCategoricalCrossentropy::default(), Adam::new(0.01))?
        .metric(TopKCategoricalAccuracy);
    trainer.fit(&data, &Fit::epochs(2))?;
    Ok(())
}
