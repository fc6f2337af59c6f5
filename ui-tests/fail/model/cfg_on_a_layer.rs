//~ `#[cfg(..)]` cannot stand on a layer
use kerata::{Batch, Dense, Dropout, model};

#[model(input = (Batch, 8))]
struct Net {
    #[cfg(test)]
    drop: Dropout<50>,
    head: Dense<_, 2>,
}

fn main() {}
