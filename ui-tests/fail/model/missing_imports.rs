//~ cannot find type `Relu` in this scope
//~ cannot find type `Lstm` in this scope
//~ cannot find type `Sequences` in this scope
//~lines 5
use kerata::{Batch, Dense, TimeDistributed, model, prelude::*};

#[model(input = (Batch, 10, 4), output = (Batch, 1))]
struct Net {
    wide: TimeDistributed<Dense<_, 8, Relu>>,
    first: Lstm<_, 8, Sequences>,
    last: Lstm<_, 8>,
    head: Dense<_, 1>,
}

fn main() {
    println!("{}", Net::summary());
}
