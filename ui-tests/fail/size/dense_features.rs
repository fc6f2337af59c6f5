//~ the number of features must be 128 here, but
//~ Size<64>
use kerata::{Batch, Dense, Relu, model};

#[model(input = (Batch, 784))]
struct Net {
    hidden: Dense<_, 64, Relu>,
    head: Dense<128, 10>,
}

fn main() {}
