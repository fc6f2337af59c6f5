//~ the data holds `Masked<(usize, usize, Size<2>)>`, but the model takes `(usize, usize, Size<2>)`
//~ padded data needs `Masked<..>` as its `input`
use kerata::{Batch, Cpu, Error, Length, Lstm, data::Ragged, model, prelude::*};

#[model(input = (Batch, Length, 2), output = (Batch, 3))]
struct Net {
    lstm: Lstm<_, 3>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    net.predict(&Ragged(vec![vec![[0.5_f32, 1.0]], vec![[0.5, 1.0]; 3]]), 32)?;
    Ok(())
}
