//~ say what `gain` is: `#[weight(..)]`, `#[option(..)]`, `#[inner]` (a layer) or `#[cache]`
use kerata::{Batch, Dense, layer, model};
#[layer]
struct Scale {
    gain: f32,
}

#[model(input = (Batch, 8))]
struct Net {
    scale: Scale,
    head: Dense<_, 2>,
}

fn main() {}
