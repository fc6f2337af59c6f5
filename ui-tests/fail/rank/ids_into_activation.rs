//~ numbers are needed here, but `Ids<
use kerata::{Batch, Ids, Relu, model};

#[model(input = Ids<(Batch, 10)>)]
struct Net {
    activation: Relu,
}

fn main() {}
