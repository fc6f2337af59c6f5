//~ a model has at least one layer
use kerata::{Batch, model};

#[model(input = (Batch, 8))]
struct Net {}

fn main() {}
