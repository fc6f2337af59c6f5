//~ `as_vec` reads the values of a tensor, and nothing says that this is one
//~ `L: Layer<In, Out = (Batch, Const<2>)>`
use kerata::{Batch, Const, Cpu, Error, prelude::*};
fn run<L: Layer<(Batch, Const<4>)>>(layer: &L) -> Result<Vec<f32>, Error> {
    let x = Cpu::default().tensor_from_vec(vec![0.5_f32; 4], (1, Const::<4>));
    Ok(layer.forward(x)?.as_vec())
}

fn main() {}
