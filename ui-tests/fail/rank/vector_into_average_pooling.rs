//~ a sequence is needed here
use kerata::{Batch, Dense, GlobalAveragePooling1d, model};

#[model(input = (Batch, 10))]
struct Net {
    hidden: Dense<_, 8>,
    pool: GlobalAveragePooling1d,
}

fn main() {}
