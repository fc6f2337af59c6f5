//~ the layers compute with `f32`, but `Tensor<(usize, Size<4>), f64, Cpu>` arrives
//~ write `0.5_f32`, or `x as f32`
use kerata::{Const, Cpu, Dense, Error, Relu, prelude::*};

type Net = (Dense<4, 8, Relu>, Dense<8, 1>);

fn main() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let x = dev.tensor_from_vec(vec![0.5_f64; 8], (2, Const));
    println!("{:?}", Net::build(&dev)?.forward(x)?.as_vec());
    Ok(())
}
