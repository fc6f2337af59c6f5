//~ `Dense<9, 2>` cannot take `(usize, Size<8>)`, which reaches it in the `Sequential`
use kerata::{Batch, Const, Cpu, Dense, Error, model, model::Sequential, prelude::*};

type Trunk = Sequential<(Batch, Const<4>), (Dense<4, 8>, Dense<9, 2>)>;

#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    trunk: Trunk,
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    println!("{} {:?}", Net::summary(), net.trunk);
    println!("{:?}", net.predict(&vec![[0.5_f32; 4]], 1)?.as_vec());
    Ok(())
}
