//~ the number of features must be 8 here, but `Size<5>` arrives
use kerata::{Again, Batch, Concatenate, Dense, Inputs, model};

#[model(input = Inputs<((Batch, 8), (Batch, 5))>)]
struct Net {
    #[from(input.0)]
    tower: Dense<_, 4>,
    #[again(tower)]
    #[from(input.1)]
    other: Again,
    #[from(tower, other)]
    both: Concatenate<_>,
}

fn main() {}
