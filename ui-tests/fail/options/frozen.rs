//~ a layer that is not trained says so in `#[with(trainable = false)]`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4))]
struct Net {
    #[frozen]
    hidden: Dense<_, 2>,
    head: Dense<_, 2>,
}

fn main() {}
