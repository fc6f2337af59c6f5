//~ another layer is called `body` too
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 8), output = (Batch, 4))]
struct Net {
    body: Dense<_, 16>,
    #[with(name = "body")]
    head: Dense<_, 4>,
}

fn main() {}
