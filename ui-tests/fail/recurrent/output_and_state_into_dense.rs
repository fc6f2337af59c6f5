//~ one vector per sample is needed here, `(Batch, Features)`, but `Inputs<
use kerata::{Batch, Dense, Length, Lstm, ReturnState, model};

#[model(input = (Batch, Length, 8), output = (Batch, 2))]
struct Net {
    lstm: ReturnState<Lstm<_, 16>>,
    head: Dense<16, 2>,
}

fn main() {}
