//~ consider annotating `Swish` with `#[derive(Clone)]`
//~lines 16
use kerata::{Activation, Backend, Batch, Cpu, Dense, Element, Error, Tensor, model, prelude::*};
use kerata::tensor::{OrDevice, Shape, Tape, TryMul};

#[derive(Debug)]
struct Swish;

impl Activation for Swish {
    const NAME: &'static str = "silu";

    fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(x: Tensor<S, E, D, T>) -> Result<Tensor<S, E, D, T>, Error> {
        x.retaped::<T>().try_sigmoid().or_device()?.try_mul(x).or_device()
    }
}

#[model(input = (Batch, 4), output = (Batch, 2))]
struct Net {
    hidden: Dense<_, 8, Swish>,
    head: Dense<_, 2>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    println!("{:?}", net.predict(&vec![[0.5_f32; 4]], 1)?.as_vec());
    Ok(())
}
