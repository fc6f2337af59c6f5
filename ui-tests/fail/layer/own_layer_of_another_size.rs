//~lines 15
//~ `Double` cannot take `(usize, Size<8>)` of `f32` as its input
//~ but trait `Layer<(_, Size<4>), _, Cpu>` is implemented for it
use kerata::{Batch, Const, Cpu, Dense, Error, Layer, Tensor, layer, model, tensor::Tape};
#[layer]
struct Double;

impl Layer<(Batch, Const<4>)> for Double {
    type Out = (Batch, Const<4>);
    fn call<T: Tape<f32, Cpu>>(&self, x: Tensor<Self::Out, f32, Cpu, T>) -> Result<Tensor<Self::Out, f32, Cpu, T>, Error> {
        Ok(x * 2.0)
    }
}

#[model(input = (Batch, 8))]
struct Net {
    double: Double,
    head: Dense<_, 2>,
}

fn main() {}
