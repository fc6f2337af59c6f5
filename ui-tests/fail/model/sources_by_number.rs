//~ a source is the name of a field, or `input`: write `#[from(a, b)]`
//~ fields are named, not called: write `#[from(a, b)]`
use kerata::{Add, Batch, Dense, model};

#[model(input = (Batch, 8))]
struct Numbers {
    a: Dense<_, 8>,
    #[from(0, 1)]
    sum: Add,
}

#[model(input = (Batch, 8))]
struct Called {
    a: Dense<_, 8>,
    #[from(a(input))]
    b: Dense<_, 8>,
}

fn main() {}
