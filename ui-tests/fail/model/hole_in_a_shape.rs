//~ `_` stands for a number of features, not for a size within a shape: write it out, as in `Const<4>`
use kerata::{Batch, Const, Reshape, model};

#[model(input = (Batch, 8))]
struct Net {
    shape: Reshape<(_, Const<2>)>,
}

fn main() {}
