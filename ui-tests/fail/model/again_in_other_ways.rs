//~ `#[again(tower)]` names the layer, and `#[from(..)]` what it takes: two attributes
//~ a field is named without quotes: write `#[again(tower)]`
//~ write `#[again(tower)]`
//~ the field whose layer is called again is needed: `#[again(name)]`
//~ which layer is called again? Write `#[again(tower)]` in front
use kerata::{Add, Again, Batch, Dense, Inputs, model};

#[model(input = Inputs<((Batch, 4), (Batch, 4))>)]
struct Two {
    #[from(input.0)]
    tower: Dense<_, 2>,
    #[again(tower, input.1)]
    other: Again,
    #[from(tower, other)]
    sum: Add,
}

#[model(input = Inputs<((Batch, 4), (Batch, 4))>)]
struct Quoted {
    #[from(input.0)]
    tower: Dense<_, 2>,
    #[from(input.1)]
    #[again("tower")]
    other: Again,
    #[from(tower, other)]
    sum: Add,
}

#[model(input = Inputs<((Batch, 4), (Batch, 4))>)]
struct Equals {
    #[from(input.0)]
    tower: Dense<_, 2>,
    #[from(input.1)]
    #[again = tower]
    other: Again,
    #[from(tower, other)]
    sum: Add,
}

#[model(input = Inputs<((Batch, 4), (Batch, 4))>)]
struct Bare {
    #[from(input.0)]
    tower: Dense<_, 2>,
    #[from(input.1)]
    #[again]
    other: Again,
    #[from(tower, other)]
    sum: Add,
}

#[model(input = Inputs<((Batch, 4), (Batch, 4))>)]
struct InTheType {
    #[from(input.0)]
    tower: Dense<_, 2>,
    #[from(input.1)]
    other: Again<tower>,
    #[from(tower, other)]
    sum: Add,
}

fn main() {}
