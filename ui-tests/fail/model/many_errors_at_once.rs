//~ what a model takes is called `input` here
//~ `_` is for what reaches a layer: it cannot stand for the units
//~ no field before this one has the name `embedd`
use kerata::{Add, Batch, Dense, model};

#[model(inputs = (Batch, 8))]
struct Net {
    first: Dense<_, _>,
    #[from(embedd, first)]
    sum: Add,
}

fn main() {}
