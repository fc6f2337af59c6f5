//~lines 18
//~ a model has no such method: it answers by `predict(&rows, batch_size)?`
//~ `.argmax()?` of what `predict` gives is the classes
use kerata::{Batch, Cpu, Dense, Error, Softmax, model, prelude::*};

#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    head: Dense<_, 3, Softmax>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let classes = net.predict_classes(&vec![[0.5; 4]], 1)?;
    println!("{classes:?}");
    Ok(())
}
