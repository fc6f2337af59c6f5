//~ a layer of your own that is called so: `self::Dense<..>`
use kerata::{Batch, layer, model};

#[layer]
struct Dense<const F: usize, const UNITS: usize, const HEADS: usize = 1>;

#[model(input = (Batch, 4))]
struct Net {
    head: Dense<1, 2, 3>,
}

fn main() {}
