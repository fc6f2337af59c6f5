//~lines 26
//~ N is the number of features of both inputs together
use kerata::{Batch, Concatenate, Dense, model};

#[model(input = (Batch, 8))]
struct Net {
    hidden: Dense<_, 4>,
    #[from(hidden, input)]
    both: Concatenate<13>,
}

fn main() {}
