//~ the number of features of `Inputs<((usize, Size<16>), (usize, Size<16>))>` is not known to the compiler
//~ `#[from(name.0)]` takes one of them
use kerata::{Batch, Bidirectional, Dense, Length, Lstm, Separate, model};

#[model(input = (Batch, Length, 8), output = (Batch, 2))]
struct Net {
    both: Bidirectional<Lstm<_, 16>, Separate>,
    head: Dense<_, 2>,
}

fn main() {}
