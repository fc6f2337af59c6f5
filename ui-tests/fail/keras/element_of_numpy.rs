//~ `float64` is called `f64`: write `element = f64`
use kerata::{Batch, Dense, Linear, Relu, model};
#[model(input = (Batch, 10), output = (Batch, 2), element = float64)]
struct Net {
    hidden: Dense<10, 8, Relu, f64>,
    head: Dense<8, 2, Linear, f64>,
}

fn main() {}
