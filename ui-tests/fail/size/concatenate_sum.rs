//~ the inputs together have 12 features, but this is `Concatenate<13>`
use kerata::{Batch, Concatenate, Dense, model};

#[model(input = (Batch, 8))]
struct Net {
    hidden: Dense<_, 4>,
    #[from(hidden, input)]
    both: Concatenate<13>,
}

fn main() {}
