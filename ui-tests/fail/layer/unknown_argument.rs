//~ `trainabel` is no argument of `#[weight]` (did you mean `trainable`?)
use kerata::{Cpu, Tensor, layer, tensor::Rank1};

#[layer(class = "Offset")]
pub struct Offset {
    #[weight(init = zeros, trainabel = false)]
    pub bias: Tensor<Rank1<3>, f32, Cpu>,
}

fn main() {}
