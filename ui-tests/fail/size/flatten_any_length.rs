//~ how many values a sample of `(usize, usize, Size<8>)` has is known at run time only
use kerata::{Batch, Dense, Flatten, Length, model};

#[model(input = (Batch, Length, 8))]
struct Net {
    flat: Flatten<_>,
    head: Dense<_, 2>,
}

fn main() {}
