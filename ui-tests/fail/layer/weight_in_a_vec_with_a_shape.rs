//~ a weight is a tensor: write `bias: Tensor<(Const<F>,), f32, Cpu>`, and no `shape`
use kerata::{Batch, layer};

#[layer(class = "Offset", input = (Batch, F), infer)]
struct Offset<const F: usize> {
    #[weight(init = zeros, shape = (F,))]
    bias: Vec<f32>,
}

fn main() {}
