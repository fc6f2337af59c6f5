//~ cannot be put into the order 2, 1, 0
use kerata::{Batch, Permute, model};

#[model(input = (Batch, 28))]
struct Net {
    permute: Permute<2, 1>,
}

fn main() {}
