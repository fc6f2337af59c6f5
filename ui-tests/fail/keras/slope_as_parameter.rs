//~ `LeakyRelu` has no parameters: write `#[with(negative_slope = 0.1)]` in front of a field `LeakyReluLayer`
use kerata::{Batch, Dense, LeakyRelu, model};
#[model(input = (Batch, 28), output = (Batch, 10))]
struct Net {
    hidden: Dense<_, 16>,
    act: LeakyRelu<0.1>,
    head: Dense<_, 10>,
}

fn main() {}
