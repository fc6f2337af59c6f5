//~ say what `scale` is: `#[weight(..)]`, `#[option(..)]`, `#[inner]` (a layer) or `#[cache]`
use kerata::{Cpu, Tensor, layer, tensor::Rank1};

#[layer]
struct Scale<const F: usize> {
    #[param]
    scale: Tensor<Rank1<F>, f32, Cpu>,
}

fn main() {}
