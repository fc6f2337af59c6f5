//~ by `compute`: `MeanSquaredError.compute(prediction, target)?`
//~lines 24
use kerata::{Batch, Const, Cpu, Dense, Error, Relu, model, prelude::*};
use kerata::loss::MeanSquaredError;
#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    hidden: Dense<_, 8, Relu>,
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let net = Net::build(&dev)?;
    let x = dev.tensor_from_vec(vec![0.5_f32; 4], (1, Const::<4>));
    let y = dev.tensor_from_vec(vec![0.5_f32], (1, Const::<1>));
    let loss = MeanSquaredError.forward(net.forward(x)?, y)?;
    println!("{}", loss.array());
    Ok(())
}
