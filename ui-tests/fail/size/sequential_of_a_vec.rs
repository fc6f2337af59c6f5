//~ a `Sequential` is made of a tuple of layers, and `Vec<Dense<4, 4>>` is none
use kerata::{Batch, Const, Cpu, Dense, Error, model::Sequential, prelude::*};

fn main() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let net = Sequential::<(Batch, Const<4>), _>::new(vec![Dense::<4, 4>::build(&dev)?]);
    println!("{:?}", net.predict(&vec![[0.5_f32; 4]], 1)?.as_vec());
    Ok(())
}
