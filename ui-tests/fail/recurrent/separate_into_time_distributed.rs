//~ a sequence is needed here, `(Batch, Length, ..)`, but `Inputs<
use kerata::{Batch, Bidirectional, Length, Lstm, Separate, Sequences, TimeDistributed, Dense, model};

#[model(input = (Batch, Length, 8))]
struct Net {
    both: Bidirectional<Lstm<_, 16, Sequences>, Separate>,
    head: TimeDistributed<Dense<16, 2>>,
}

fn main() {}
