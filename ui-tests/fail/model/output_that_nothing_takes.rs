//~ nothing takes what `aside` gives
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 8))]
struct Net {
    aside: Dense<_, 4>,
    #[from(input)]
    head: Dense<_, 2>,
}

fn main() {}
