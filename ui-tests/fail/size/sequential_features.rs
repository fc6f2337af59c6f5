//~ `Dense<9, 2>` cannot take `(usize, Size<8>)`, which reaches it in the `Sequential`
use kerata::{Batch, Const, Cpu, Dense, Error, Relu, prelude::*};
use kerata::{data::InMemory, loss::MeanSquaredError, model::Sequential, optim::Adam, train::{Fit, Trainer}};

fn main() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let layers = (Dense::<4, 8, Relu>::build(&dev)?, Dense::<9, 2>::build(&dev)?);
    let net = Sequential::<(Batch, Const<4>), _>::new(layers);
    let data = InMemory::new(vec![[0.5_f32; 4]; 3], vec![[1.0_f32, 0.0]; 3])?;
    let mut trainer = Trainer::new(net, MeanSquaredError, Adam::default())?;
    trainer.fit(&data, &Fit::epochs(2))?;
    Ok(())
}
