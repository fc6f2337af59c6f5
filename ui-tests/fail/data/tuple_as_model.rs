//~ `(Dense<4, 8>, Dense<8, 1>)` is no model
//~ layers as a tuple in a `Sequential::<Input, _>::new((..,))`
use kerata::{Cpu, Dense, Error, prelude::*, loss::MeanSquaredError, optim::Adam, data::InMemory, train::{Fit, Trainer}};
fn main() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let net = (Dense::<4, 8>::build(&dev)?, Dense::<8, 1>::build(&dev)?);
    let data = InMemory::new(vec![[0.5_f32; 4]; 3], vec![1.0_f32; 3])?;
    let mut trainer = Trainer::new(net, MeanSquaredError, Adam::default())?;
    trainer.fit(&data, &Fit::epochs(2))?;
    Ok(())
}
