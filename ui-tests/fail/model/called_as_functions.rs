//~lines 14
//~ parameters of a layer stand in `<` and `>`: write `Dense<_, 32, Relu>`
//~ parameters of a layer stand in `<` and `>`: write `Dense<4, 8>`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 10))]
struct AsInKeras {
    hidden: Dense(32, activation = "relu"),
    head: Dense<_, 1>,
}

#[model(input = (Batch, 4))]
struct AsInTorch {
    hidden: Linear::new(4, 8),
}

fn main() {
    let _: Option<Dense<4, 8>> = None;
}
