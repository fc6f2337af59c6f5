//~ the layers of a stack stand in parentheses: write `StackedRnn<(Lstm<_, 16, Sequences>, Lstm<16, 16>)>`
use kerata::{Batch, Dense, Lstm, Sequences, StackedRnn, model};
#[model(input = (Batch, 12, 8), output = (Batch, 10))]
struct Net {
    stack: StackedRnn<Lstm<_, 16, Sequences>, Lstm<16, 16>>,
    head: Dense<_, 10>,
}

fn main() {}
