//~ the values of a tensor are read by `array()`
use kerata::{Cpu, Error, loss::MeanSquaredError, prelude::*};


fn main() -> Result<(), Error> {
    let dev = Cpu::default();
    let loss = MeanSquaredError.compute(dev.tensor([[1.0_f32]]), dev.tensor([[0.0_f32]]))?;
    println!("{}", loss.item());
    Ok(())
}
