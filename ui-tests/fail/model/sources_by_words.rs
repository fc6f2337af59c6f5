//~ a field is named alone, without `self.`
//~ the fields stand one by one, without brackets: write `#[from(a, b)]`
use kerata::{Add, Batch, Dense, model};

#[model(input = (Batch, 8))]
struct Net {
    a: Dense<_, 8>,
    #[from(self.a)]
    b: Dense<_, 8>,
    #[from([a, b])]
    sum: Add,
}

#[model(input = (Batch, 8), outputs = (a, b))]
struct Two {
    a: Dense<_, 8>,
    #[from(input)]
    b: Dense<_, 8>,
}

fn main() {}
