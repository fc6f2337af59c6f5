//~ nothing says what `Scale` computes: an `impl Layer` is missing
//~ scale: Scale,
use kerata::{Batch, Dense, layer, model};

#[layer(class = "Scale")]
struct Scale {
    #[option(default = 2.0)]
    factor: f32,
}

#[model(input = (Batch, 4), output = (Batch, 2))]
struct Net {
    scale: Scale,
    head: Dense<_, 2>,
}

fn main() {}
