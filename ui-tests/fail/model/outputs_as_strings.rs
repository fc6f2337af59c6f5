//~ the outputs are fields of the struct: write `outputs(first, second)`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 8), outputs("a", "b"))]
struct Net {
    a: Dense<_, 2>,
    #[from(input)]
    b: Dense<_, 2>,
}

fn main() {}
