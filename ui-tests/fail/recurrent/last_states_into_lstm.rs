//~ a sequence is needed here, `(Batch, Length, Features)`, but `(usize, Size<32>)` arrives
//~ `Lstm<_, N, Sequences>` in place of `Lstm<_, N>`
use kerata::{Batch, Bidirectional, Lstm, model};

#[model(input = (Batch, 10, 8), output = (Batch, 4))]
struct Net {
    both: Bidirectional<Lstm<_, 16>>,
    last: Lstm<_, 4>,
}

fn main() {}
