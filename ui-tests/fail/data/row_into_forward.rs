//~ the model takes `(usize, Size<4>)`, but `(Size<1>, Size<4>)` arrives
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};

#[model(input = (Batch, 4), output = (Batch, 2))]
struct Net {
    head: Dense<_, 2>,
}

fn main() -> Result<(), Error> {
    let dev = Cpu::default();
    let net = Net::build(&dev)?;
    println!("{:?}", net.forward(dev.tensor([[1.0_f32, 2.0, 3.0, 4.0]]))?.as_vec());
    Ok(())
}
