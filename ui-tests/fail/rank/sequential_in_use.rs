//~ `Dense<8, 2>` cannot take `(usize, Size<10>, Size<8>)`, which reaches it in the `Sequential`
//~ these layers do not fit together
use kerata::{Batch, Const, Cpu, Dense, Error, Lstm, Sequences, model::Sequential, prelude::*};

type Net = Sequential<(Batch, Const<10>, Const<4>), (Lstm<4, 8, Sequences>, Dense<8, 2>)>;

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    println!("{}", Net::summary());
    net.predict(&vec![[[0.5_f32; 4]; 10]], 1)?;
    Ok(())
}
