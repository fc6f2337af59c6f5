//~ two signals are needed here, `Inputs<(.., ..)>`, but `(usize, kerata::Const<8>)` arrives
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 8))]
struct Net {
    #[from(input.0)]
    head: Dense<_, 2>,
}

fn main() {}
