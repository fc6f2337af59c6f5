//~ `Dense<9, 8>` cannot take `(usize, Size<8>)`, which reaches it in the `Sequential`
use kerata::{Batch, Const, Cpu, Dense, Error, model::Sequential, prelude::*};

type Net = Sequential<(Batch, Const<4>), (Dense<4, 8>, Dense<9, 8>, Dense<8, 1>)>;

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    println!("{:?}", net.predict(&vec![[0.5_f32; 4]], 1)?.as_vec());
    Ok(())
}
