//~ write `element = f64` in `#[model(..)]`
use kerata::{Batch, Dense, Linear, Relu, model};
#[model(input = (Batch, 10), output = (Batch, 2))]
struct Net {
    hidden: Dense<_, 8, Relu, f64>,
    head: Dense<_, 2, Linear, f64>,
}

fn main() {}
