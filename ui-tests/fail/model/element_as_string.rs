//~ the element is a type: write `element = f64`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 10), element = "float64")]
struct Net {
    hidden: Dense<_, 8>,
}

fn main() {}
