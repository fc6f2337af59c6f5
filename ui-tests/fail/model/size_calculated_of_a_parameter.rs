//~ the compiler cannot calculate with `N` here: give this size a parameter of its own,
//~ `struct ..<const N: usize, const WIDTH: usize>`
use kerata::{Batch, Dense, Relu, model};

#[model(input = (Batch, N), output = (Batch, N))]
struct Block<const N: usize> {
    up: Dense<N, { 2 * N }, Relu>,
    down: Dense<{ 2 * N }, N>,
}

fn main() {}
