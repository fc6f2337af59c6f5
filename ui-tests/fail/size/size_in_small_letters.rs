//~ a size is a number that the compiler knows, `const HIDDEN_UNITS: usize = 32;`: write `Dense<_, HIDDEN_UNITS>`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 10))]
struct Net {
    hidden: Dense<_, hidden_units>,
}

fn main() {}
