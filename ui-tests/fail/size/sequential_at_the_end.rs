//~ `Dense<9, 4>` cannot take `(usize, Size<8>)`, which reaches it in the `Sequential`
use kerata::{Batch, Const, Cpu, Dense, Error, model, model::Sequential, prelude::*};

#[model(input = (Batch, 4), output = (Batch, 2))]
struct Net {
    first: Dense<_, 8>,
    rest: Sequential<(Batch, Const<8>), (Dense<9, 4>, Dense<4, 2>)>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    net.predict(&[[0.5; 4]], 1)?;
    Ok(())
}
