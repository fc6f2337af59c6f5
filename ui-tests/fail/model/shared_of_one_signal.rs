//~ two inputs are needed here, `Inputs<(.., ..)>`, but `(usize, Size<8>)` arrives
use kerata::{Batch, Dense, Shared, model};

#[model(input = (Batch, 8))]
struct Net {
    both: Shared<Dense<8, 2>>,
}

fn main() {}
