//~ the model takes `(usize, Size<5>)`, but `(usize, Size<4>)` arrives
use kerata::{Batch, Dense, Dropout, model};

#[model(input = (Batch, 8), output = (Batch, 2))]
struct Outer {
    hidden: Dense<_, 4>,
    rest: Inner,
}

#[model(input = (Batch, 5), output = (Batch, 2))]
struct Inner {
    drop: Dropout<50>,
    head: Dense<_, 2>,
}

fn main() {}
