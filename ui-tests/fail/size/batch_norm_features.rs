//~ 8 features are needed here, but 16 arrive
use kerata::{Batch, BatchNorm, Dense, model};

#[model(input = (Batch, 28))]
struct Net {
    dense: Dense<_, 16>,
    norm: BatchNorm<8>,
}

fn main() {}
