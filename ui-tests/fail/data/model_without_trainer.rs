//~lines 18
//~ a model alone is not trained: `Trainer::new(model, loss, optimizer)?` has `fit` and `evaluate`
use kerata::{Batch, Cpu, Dense, Error, data::InMemory, model, prelude::*, train::Fit};

#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    head: Dense<_, 3>,
}

fn main() -> Result<(), Error> {
    let data = InMemory::new(vec![[0.5_f32; 4]; 3], vec![0_usize, 1, 2])?;
    let mut net = Net::build(&Cpu::seed_from_u64(0))?;
    let history = net.fit(&data, &Fit::epochs(2))?;
    println!("{:?}", history.last("loss"));
    Ok(())
}
