//~ `Dense` has no option `kernel_initialiser`: did you mean `kernel_initializer`?
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 3), output = (Batch, 4))]
struct Net {
    #[with(kernel_initialiser = HeNormal)]
    head: Dense<_, 4>,
}

fn main() {}
