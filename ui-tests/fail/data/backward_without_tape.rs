//~ nothing was recorded on the way to this loss, so there are no gradients
//~ let gradients = loss.backward();
use kerata::{Cpu, Dense, Error, loss::MeanSquaredError, prelude::*};

fn main() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let mut net = Dense::<2, 1>::build(&dev)?;
    let prediction = net.forward_mut(dev.tensor([[1.0_f32, 2.0]]))?;
    let loss = MeanSquaredError.compute(prediction, dev.tensor([[0.0_f32]]))?;
    let gradients = loss.backward();
    println!("{:?}", gradients.get(&net.kernel).array());
    Ok(())
}
