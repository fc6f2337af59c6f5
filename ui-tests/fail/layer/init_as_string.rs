//~ an initializer is named without quotes: write `init = ones`
use kerata::{Cpu, Tensor, layer, tensor::Rank1};

#[layer]
struct Scale<const F: usize> {
    #[weight(init = "ones")]
    scale: Tensor<Rank1<F>, f32, Cpu>,
}

fn main() {}
