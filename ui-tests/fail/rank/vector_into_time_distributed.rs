//~ a sequence is needed here, `(Batch, Length, ..)`
use kerata::{Batch, Dense, TimeDistributed, model};

#[model(input = (Batch, 10))]
struct Net {
    steps: TimeDistributed<Dense<10, 8>>,
}

fn main() {}
