//~ which layer is called again? Write `#[again(field)]` in front
//~ a field that calls `tower` again is of the type `Again`
//~ no field before this one has the name `later`
//~ the options are those of `tower`: `#[with(..)]` stands there
use kerata::{Add, Again, Batch, Dense, model};

#[model(input = (Batch, 8))]
struct Net {
    tower: Dense<_, 8>,
    #[from(input)]
    which: Again,
    #[again(tower)]
    typed: Dense<_, 8>,
    #[again(later)]
    early: Again,
    #[again(tower)]
    #[with(use_bias = false)]
    other: Again,
    later: Dense<_, 8>,
    #[from(tower, which, later)]
    sum: Add,
}

fn main() {}
