//~ no field has the name `colour`: there are `size`, `color`
//~ one output is the last field: `outputs(..)` names two or more
//~ `size` is given twice
//~ nothing takes what `left` gives
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 2), outputs(size, colour))]
struct Misspelt {
    size: Dense<_, 1>,
    #[from(input)]
    color: Dense<_, 3>,
}

#[model(input = (Batch, 2), outputs(color))]
struct Alone {
    size: Dense<_, 1>,
    color: Dense<_, 3>,
}

#[model(input = (Batch, 2), outputs(size, size))]
struct Twice {
    size: Dense<_, 1>,
}

#[model(input = (Batch, 2), outputs(size, color))]
struct Unused {
    size: Dense<_, 1>,
    color: Dense<_, 3>,
    left: Dense<_, 3>,
}

fn main() {}
