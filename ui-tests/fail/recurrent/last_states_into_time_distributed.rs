//~ a sequence is needed here, `(Batch, Length, ..)`, but `(usize, Size<32>)` arrives
//~ `Lstm<_, N, Sequences>` in place of `Lstm<_, N>`, also within a `Bidirectional`
use kerata::{Batch, Bidirectional, Dense, Length, Lstm, TimeDistributed, model};

#[model(input = (Batch, Length, 8), output = (Batch, Length, 2))]
struct Net {
    both: Bidirectional<Lstm<_, 16>>,
    head: TimeDistributed<Dense<_, 2>>,
}

fn main() {}
