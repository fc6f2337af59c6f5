//~ the model takes `(usize, Size<5>)`, but `(usize, Size<3>)` arrives
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};

#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    head: Dense<_, 3>,
}

#[model(input = (Batch, 5), output = (Batch, 1))]
struct Critic {
    head: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let (net, critic) = (Net::build(&dev)?, Critic::build(&dev)?);
    let x = dev.tensor_from_vec(vec![0.5_f32; 4], (1, kerata::Const));
    critic.forward(net.forward(x)?)?;
    Ok(())
}
