//~ an initializer stands by its name alone: write `init = GlorotUniform`
use kerata::{Batch, Const, Cpu, Tensor, layer};

#[layer(class = "Mixer", input = (Batch, F), infer)]
struct Mixer<const F: usize> {
    #[weight(init = GlorotUniform())]
    mix: Tensor<(Const<F>, Const<F>), f32, Cpu>,
}

fn main() {}
