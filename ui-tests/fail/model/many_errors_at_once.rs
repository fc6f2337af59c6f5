//~ `inputs` is no argument of `#[model]`
//~ only one parameter of `Dense` can be inferred
//~ no field before this one has the name `embedd`
//~ say what the model takes
use kerata::{Add, Batch, Dense, model};

#[model(inputs = (Batch, 8))]
struct Net {
    first: Dense<_, _>,
    #[from(embedd, first)]
    sum: Add,
}

fn main() {}
