//~ `Dense<9, 2>` cannot take `(usize, Size<8>)`, which reaches it in the `Sequential`
use kerata::{Batch, Const, Cpu, Dense, Error, Relu, model, model::Sequential, prelude::*};

#[model(input = (Batch, 4))]
struct Net {
    all: Sequential<(Batch, Const<4>), (Dense<4, 8, Relu>, Dense<9, 2>)>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    net.predict(&[[0.5; 4]], 1)?;
    Ok(())
}
