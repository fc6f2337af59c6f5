//~ two weights are called `kernel`: give one another `name`, or each a `when`
use kerata::{Cpu, Tensor, layer, tensor::Rank1};

#[layer]
struct Twice {
    #[weight(init = zeros)]
    kernel: Tensor<Rank1<3>, f32, Cpu>,
    #[weight(init = zeros, name = "kernel")]
    other: Tensor<Rank1<3>, f32, Cpu>,
}

fn main() {}
