//~ Python's `True`: write `go_backwards = true`
use kerata::{Batch, Lstm, model};

#[model(input = (Batch, 10, 3))]
struct Net {
    #[with(go_backwards = True)]
    lstm: Lstm<_, 8>,
}

fn main() {}
