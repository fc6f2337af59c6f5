//~ one vector per sample is needed here, `(Batch, Features)`, but `Inputs<
//~ two outputs: `#[from(name.0)]` takes one of them
use kerata::{Batch, Bidirectional, Dense, Length, Lstm, Separate, model};

#[model(input = (Batch, Length, 8), output = (Batch, 2))]
struct Net {
    both: Bidirectional<Lstm<_, 16>, Separate>,
    head: Dense<16, 2>,
}

fn main() {}
