//~ a mask says which time steps are real
use kerata::{Batch, Dense, Masked, model};

#[model(input = Masked<(Batch,)>)]
struct Net {
    head: Dense<_, 2>,
}

fn main() {}
