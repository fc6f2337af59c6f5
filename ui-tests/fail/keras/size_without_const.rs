//~ `N` is a size: write `const N: usize`
use kerata::{Batch, Dense, Relu, model};
#[model(input = (Batch, 32), output = (Batch, 2))]
struct Net<N> {
    hidden: Dense<32, N, Relu>,
    head: Dense<N, 2>,
}

fn main() {}
