//~ the default of `factor` is outside its range
use kerata::{layer};

#[layer]
struct Scale {
    #[option(default = 2.0, range = 0.0..=1.0)]
    factor: f32,
}

fn main() {}
