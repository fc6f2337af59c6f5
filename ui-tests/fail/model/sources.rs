//~ a layer takes from one place or from up to six
//~ write `#[from(name)]`, or `#[from(a, b)]`
//~ `#[from(..)]` is given twice
//~ of several inputs there are `.0` to `.5` at most
use kerata::{Add, Batch, Dense, Inputs, model};

#[model(input = Inputs<((Batch, 8), (Batch, 8))>)]
struct Net {
    #[from(input.0)]
    a: Dense<_, 2>,
    #[from(input.6)]
    b: Dense<_, 2>,
    #[from()]
    c: Dense<_, 2>,
    #[from]
    d: Dense<_, 2>,
    #[from(a)]
    #[from(b)]
    e: Dense<_, 2>,
    #[from(a, b, c, d, e, a, b)]
    sum: Add,
}

fn main() {}
