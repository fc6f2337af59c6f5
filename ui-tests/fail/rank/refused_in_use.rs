//~ `Dense` needs its features and units
use kerata::{
    Batch, Cpu, Dense, Error, Relu,
    data::InMemory,
    loss::MeanSquaredError,
    model,
    optim::Adam,
    prelude::*,
    train::{Fit, Trainer},
};

#[model(input = (Batch, 8), output = (Batch, 1))]
struct Net {
    hidden: Dense<_, 8, Relu>,
    head: Dense<1>,
}

/// What is made of a refused model adds no errors.
fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    println!("{} {} {:?}", Net::summary(), Net::PARAMS, net.head);
    println!("{:?}", net.predict(&vec![[0.5_f32; 8]], 1)?.as_vec());
    let data = InMemory::new(vec![[0.5_f32; 8]; 2], vec![0.0_f32, 1.0])?;
    Trainer::new(net, MeanSquaredError, Adam::default())?.fit(&data, &Fit::epochs(1))?;
    Ok(())
}
