//~ `return_state` is a layer around this one here: write `ReturnState<Lstm<_, 8>>`
use kerata::{Batch, Lstm, model};

#[model(input = (Batch, 10, 4))]
struct Net {
    #[with(return_state = true)]
    lstm: Lstm<_, 8>,
}

fn main() {}
