//~ `String` is nothing that layers take and give
use kerata::{Dense, model, prelude::*};

#[model(input = String, output = (kerata::Batch, 2))]
struct Net {
    head: Dense<_, 2>,
}

fn main() {
    println!("{}", Net::summary());
}
