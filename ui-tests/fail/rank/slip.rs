//~lines 14
//~ expected type, found `32`
//~ a layer is a type, which is not called: write `Dense<_, 32>`
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};

#[model(input = (Batch, 8), output = (Batch, 2))]
struct Net {
    hidden: Dense(_, 32),
    head: Dense<_, 2>,
}

/// The compiler has said what is wrong: `#[model]` adds no error.
fn main() -> Result<(), Error> {
    let _ = Dense::<8, 2>::build(&Cpu::default())?;
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    println!("{} {}", Net::summary(), Net::PARAMS);
    println!("{:?}", net.predict(&vec![[0.5_f32; 8]], 1)?.as_vec());
    Ok(())
}
