//~ the axes are counted from 1, behind that of the batch: write `Permute<2, 1>`
use kerata::{Batch, Dense, Lstm, Permute, model};
#[model(input = (Batch, 12, 8), output = (Batch, 2))]
struct Net {
    turn: Permute<0, 2, 1>,
    lstm: Lstm<_, 16>,
    head: Dense<_, 2>,
}

fn main() {}
