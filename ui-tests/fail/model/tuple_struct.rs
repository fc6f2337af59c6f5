//~ the layers of a model have names
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 8))]
struct Net(Dense<8, 2>);

fn main() {}
