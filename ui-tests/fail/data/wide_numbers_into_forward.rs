//~ the layers compute with `f32`, but `Tensor<(usize, Size<4>), f64, Cpu>` arrives
use kerata::{Batch, Const, Cpu, Dense, Error, Relu, Softmax, model, prelude::*};
#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    hidden: Dense<_, 8, Relu>,
    head: Dense<_, 3, Softmax>,
}

fn main() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let net = Net::build(&dev)?;
    let x = dev.tensor_from_vec(vec![0.5_f64; 8], (2, Const::<4>));
    println!("{:?}", net.forward(x)?.as_vec());
    Ok(())
}
