//~ inputs of one shape are needed here, but `(usize, Size<8>)` and `(usize, Size<7>)` arrive
//~lines 16
use kerata::{Add, Batch, Dense, model};

#[model(input = (Batch, 4))]
struct Net {
    a: Dense<_, 8>,
    #[from(input)]
    b: Dense<_, 8>,
    #[from(input)]
    c: Dense<_, 7>,
    #[from(a, b, c)]
    sum: Add,
}

fn main() {}
