//~ the data holds `Ids<(usize, Size<4>)>`, but the model takes `(usize, Size<4>)`
//~ numbers have a point, `1.0`, integers are token ids
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};

#[model(input = (Batch, 4), output = (Batch, 1))]
struct Net {
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let answers = net.predict(&vec![[1, 2, 3, 4]], 1)?;
    println!("{:?}", answers.as_vec());
    Ok(())
}
