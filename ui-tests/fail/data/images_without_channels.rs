//~ the data holds `(usize, Size<8>, Size<8>)`, but the model takes `(usize, Size<8>, Size<8>, Size<1>)`
//~ pictures in grey have one channel
use kerata::{Batch, Cpu, Dense, Error, Flatten, model, prelude::*};

#[model(input = (Batch, 8, 8, 1), output = (Batch, 2))]
struct Net {
    flat: Flatten<_>,
    head: Dense<_, 2>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    println!("{:?}", net.predict(&vec![[[0.5_f32; 8]; 8]; 2], 32)?.as_vec());
    Ok(())
}
