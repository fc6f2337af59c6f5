//~ `Vec<f32>` cannot be fed to a layer
//~ `dev.tensor([[0.5, 1.0]])` makes one
use kerata::{Error, loss::MeanSquaredError, prelude::*};

fn main() -> Result<(), Error> {
    let loss = MeanSquaredError.compute(vec![0.5_f32, 0.2], vec![1.0_f32, 0.0])?;
    println!("{loss:?}");
    Ok(())
}
