//~ `Dense<9, 1>` cannot take `(usize, Size<8>)`, which reaches it in the `Sequential`
use kerata::{Batch, Const, Cpu, Dense, Error, model::Sequential, prelude::*};

type Net = Sequential<(Batch, Const<4>), (Dense<4, 8>, Dense<9, 1>)>;

fn net() -> Result<Net, Error> {
    Sequential::build(&Cpu::seed_from_u64(0))
}

fn main() {}
