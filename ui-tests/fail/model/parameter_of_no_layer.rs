//~ no layer has the type `In` in it: leave it away; what a model takes is a shape
use kerata::{Batch, Dense, model};

#[model(input = In, output = (Batch, 2))]
struct Net<In> {
    hidden: Dense<4, 8>,
    head: Dense<8, 2>,
}

fn main() {}
