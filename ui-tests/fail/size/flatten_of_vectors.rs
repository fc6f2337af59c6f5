//~ each step is one vector, which `Flatten` leaves as it is
//~ flat: TimeDistributed<Flatten<_>>,
use kerata::{Batch, Dense, Flatten, Lstm, TimeDistributed, model};
#[model(input = (Batch, 10, 6), output = (Batch, 2))]
struct Net {
    flat: TimeDistributed<Flatten<_>>,
    last: Lstm<_, 8>,
    head: Dense<_, 2>,
}

fn main() {}
