//~ features on the last axis are needed here
//~ padding would be mixed in
use kerata::{Batch, Masked, Softmax, model};

#[model(input = Masked<(Batch, 10)>)]
struct Net {
    scores: Softmax,
}

fn main() {}
