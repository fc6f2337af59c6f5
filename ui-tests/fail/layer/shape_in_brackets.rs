//~ a shape stands in parentheses: write `shape = (F, 4 * F)`
use kerata::{Batch, Cpu, Tensor, layer};

#[layer(class = "Mixer", input = (Batch, F), infer)]
struct Mixer<const F: usize> {
    #[weight(init = glorot_uniform, shape = [F, 4 * F])]
    mix: Tensor<(usize, usize), f32, Cpu>,
}

fn main() {}
