//~ a layer takes from one place or from two
//~ write `#[from(name)]`, or `#[from(a, b)]`
//~ `#[from(..)]` is given twice
//~ of two inputs there are `.0` and `.1`
use kerata::{Add, Batch, Dense, Inputs, model};

#[model(input = Inputs<((Batch, 8), (Batch, 8))>)]
struct Net {
    #[from(input.0)]
    a: Dense<_, 2>,
    #[from(input.2)]
    b: Dense<_, 2>,
    #[from()]
    c: Dense<_, 2>,
    #[from]
    d: Dense<_, 2>,
    #[from(a)]
    #[from(b)]
    e: Dense<_, 2>,
    #[from(c, d, e)]
    sum: Add,
}

fn main() {}
