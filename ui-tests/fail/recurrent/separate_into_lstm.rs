//~ `(usize, usize, Size<16>)` is not the state of `Lstm<16, 4>`
//~ of two sequences, as of a `Bidirectional` with `Separate`, `#[from(name.0)]` takes one
use kerata::{Batch, Bidirectional, Length, Lstm, Separate, Sequences, model};

#[model(input = (Batch, Length, 8), output = (Batch, 4))]
struct Net {
    both: Bidirectional<Lstm<_, 16, Sequences>, Separate>,
    last: Lstm<16, 4>,
}

fn main() {}
