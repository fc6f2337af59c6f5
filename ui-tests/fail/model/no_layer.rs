//~lines 24
//~ `String` cannot take
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 8))]
struct Net {
    head: Dense<_, 2>,
    name: String,
}

fn main() {}
