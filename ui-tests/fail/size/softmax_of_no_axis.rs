//~ there is no axis 3 of 3 dimensions: the last one is axis 2
use kerata::{Batch, SoftmaxAlong, model};

#[model(input = (Batch, 6, 4))]
struct Net {
    share: SoftmaxAlong<3>,
}

fn main() {}
