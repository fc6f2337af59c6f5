//~ a weight is a tensor: write `factor: Tensor<(Const<I>, Const<O>), f32, Cpu>`, and no `shape`
use kerata::{layer};

#[layer]
struct Scale {
    #[weight(init = ones)]
    factor: Vec<f32>,
}

fn main() {}
