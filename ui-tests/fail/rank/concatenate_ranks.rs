//~ inputs that differ in their features only are needed here, but `(usize, Size<8>)` and `(usize, Size<10>, Size<6>)` arrive
use kerata::{Batch, Concatenate, Dense, Lstm, model};

#[model(input = (Batch, 10, 6))]
struct Net {
    lstm: Lstm<_, 8>,
    #[from(lstm, input)]
    both: Concatenate<_>,
    head: Dense<_, 2>,
}

fn main() {}
