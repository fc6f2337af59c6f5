//~ several inputs are one tuple: write `Inputs<((Batch, 10), (Batch, 12))>`
//~ one input is written alone, without `Inputs`
use kerata::{Add, Batch, Dense, Inputs, Shared, model};

#[model(input = Inputs((Batch, 10), (Batch, 12)))]
struct Parentheses {
    both: Shared<Dense<_, 4>>,
    sum: Add,
}

#[model(input = Inputs<(Batch, 10), (Batch, 12)>)]
struct Two {
    both: Shared<Dense<_, 4>>,
    sum: Add,
}

#[model(input = Inputs<((Batch, 10),)>)]
struct One {
    #[from(input.0)]
    head: Dense<_, 4>,
}

fn main() {}
