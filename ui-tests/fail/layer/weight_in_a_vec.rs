//~ the shape of `factor` is not in its type
use kerata::{layer};

#[layer]
struct Scale {
    #[weight(init = ones)]
    factor: Vec<f32>,
}

fn main() {}
