//~ `factor` is a `f32`: write `default = 2.0`
use kerata::{layer};

#[layer]
struct Scale {
    #[option(default = "2.0")]
    factor: f32,
}

fn main() {}
