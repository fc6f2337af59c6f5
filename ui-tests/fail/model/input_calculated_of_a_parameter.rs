//~ the compiler cannot calculate with `N` here
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 3 * N), output = (Batch, 2))]
struct Net<const N: usize, const WIDE: usize> {
    head: Dense<WIDE, 2>,
}

fn main() {}
