//~ the shape of `bias` is not in its type: write `#[weight(shape = (I, 4 * O), ..)]`
use kerata::{Cpu, Tensor, layer};

#[layer(class = "Offset")]
pub struct Offset {
    #[weight(init = zeros)]
    pub bias: Tensor<(usize,), f32, Cpu>,
}

fn main() {}
