//~ the first dimension is the batch
use kerata::{Flatten, model};

#[model(input = (28, 28))]
struct Net {
    flat: Flatten<_>,
}

fn main() {}
