//~ what a field takes is named by `#[from(..)]`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 8))]
struct Net {
    a: Dense<_, 2>,
    #[input(a)]
    b: Dense<_, 2>,
}

fn main() {}
