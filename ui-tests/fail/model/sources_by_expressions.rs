//~ a sum is a field of its own: `#[from(a, b)] sum: Add`
//~ fields are named, not called: write `#[from(a, b)]`, and a merge is a field of its own
//~ a part stands behind a point: write `input.0`
//~ name what the layer takes: write `#[from(input)]`, or `#[from(a, b)]`
use kerata::{Batch, Dense, Inputs, model};

#[model(input = (Batch, 4))]
struct Plus {
    hidden: Dense<_, 4>,
    #[from(input + hidden)]
    head: Dense<_, 2>,
}

#[model(input = (Batch, 4))]
struct Call {
    hidden: Dense<_, 4>,
    #[from(concat(input, hidden))]
    head: Dense<_, 2>,
}

#[model(input = Inputs<((Batch, 4), (Batch, 4))>)]
struct Index {
    #[from(input[0])]
    head: Dense<_, 2>,
}

#[model(input = (Batch, 4))]
struct Nothing {
    #[from()]
    head: Dense<_, 2>,
}

fn main() {}
