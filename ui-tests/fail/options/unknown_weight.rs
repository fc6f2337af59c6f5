//~ `Dense` has no weight for `recurrent_regularizer`: its weights begin with `kernel`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4), output = (Batch, 2))]
struct Net {
    #[with(recurrent_regularizer = L2(0.01))]
    head: Dense<_, 2>,
}

fn main() {}
