//~ there is no part `.0` in `(usize, Size<8>)`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 8))]
struct Net {
    #[from(input.0)]
    head: Dense<_, 2>,
}

fn main() {}
