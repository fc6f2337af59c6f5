//~ `Scale` cannot take `(usize, Size<8>)`, which reaches it in the `Sequential`
//~lines 14
use kerata::{Batch, Const, Cpu, Dense, Error, model::Sequential, prelude::*};

struct Scale;

type Net = Sequential<(Batch, Const<4>), (Dense<4, 8>, Scale)>;

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    println!("{} {:?}", Net::summary(), net.clone().predict(&vec![[0.5_f32; 4]], 1)?.as_vec());
    Ok(())
}
