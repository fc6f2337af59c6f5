//~ stands in `Rnn<Plain<3, 8>>`
use kerata::{*, tensor::{Rank2, Tape, TryMatMul}};

#[layer(infer)]
struct Plain<const I: usize, const H: usize> {
    #[weight(init = glorot_uniform)]
    kernel: Tensor<Rank2<I, H>, f32, Cpu>,
}

impl<const I: usize, const H: usize> RnnCell for Plain<I, H> {
    type Inputs = Const<I>;
    type State = StateH<(Batch, Const<H>)>;

    fn step<T: Tape<f32, Cpu>>(
        &self,
        x: Tensor<(usize, Const<I>), f32, Cpu, T>,
        StateH { h }: StateH<Tensor<(usize, Const<H>), f32, Cpu, T>>,
    ) -> Result<StateH<Tensor<(usize, Const<H>), f32, Cpu, T>>, Error> {
        Ok(StateH { h: x.try_matmul(self.kernel.clone())?.tanh() + h })
    }
}

#[model(input = (Batch, 5, 3), output = (Batch, 2))]
struct Net {
    cell: Plain<_, 8>,
    head: Dense<_, 2>,
}

fn main() {}
