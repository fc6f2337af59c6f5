//~ `_` cannot be inferred in `Mixer<0>`: nothing says what it stands for
//~ a layer of your own says it by `#[layer(input = (Batch, F), infer)]`
//~ mixer: Mixer<_>,
use kerata::{Batch, Const, Cpu, Dense, Error, Layer, Tensor, layer, model};
use kerata::tensor::{OrDevice, Tape, TryMatMul};

#[layer(class = "Mixer", input = (Batch, F))]
struct Mixer<const F: usize> {
    #[weight(init = glorot_uniform)]
    mix: Tensor<(Const<F>, Const<F>), f32, Cpu>,
}

type Rows<const F: usize> = (Batch, Const<F>);

impl<const F: usize> Layer<Rows<F>> for Mixer<F> {
    type Out = Rows<F>;

    fn call<T: Tape<f32, Cpu>>(&self, x: Tensor<Rows<F>, f32, Cpu, T>) -> Result<Tensor<Rows<F>, f32, Cpu, T>, Error> {
        x.try_matmul(self.mix.clone()).or_device()
    }
}

#[model(input = (Batch, 4), output = (Batch, 2))]
struct Net {
    mixer: Mixer<_>,
    head: Dense<_, 2>,
}

fn main() {}
