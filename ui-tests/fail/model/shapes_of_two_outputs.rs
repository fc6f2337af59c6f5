//~ several outputs are named by their fields, `outputs(first, second)`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4), output = ((Batch, 1), (Batch, 3)))]
struct Net {
    trunk: Dense<_, 8>,
    size: Dense<_, 1>,
    #[from(trunk)]
    color: Dense<_, 3>,
}

fn main() {}
