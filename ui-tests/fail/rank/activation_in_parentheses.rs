//~ `Relu()` is spelled `Relu`: write `Dense<_, 8, Relu>`
use kerata::{Batch, Dense, Relu, model};

#[model(input = (Batch, 10))]
struct Net {
    hidden: Dense<_, 8, Relu()>,
}

fn main() {}
