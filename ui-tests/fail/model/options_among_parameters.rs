//~ `epsilon` is an option, which stands in front of the field: write `#[with(epsilon = 0.001)]` and `LayerNorm<_>`
//~ write `#[with(go_backwards = true)]` and `Gru<_, 16>`
//~ `return_state` is a layer around this one here: write `ReturnState<Lstm<_, 8>>`
//~ write `#[with(trainable = false)]` and `Dense<_, 3>`
//~ write `#[with(kernel_regularizer = "l2")]` and `Dense<_, 3>`
//~ `Dense` has neither a parameter nor an option `momentum`: write `Dense<_, 3>`
use kerata::{Batch, Dense, Gru, LayerNorm, Lstm, model};

#[model(input = (Batch, 12, 5))]
struct Net {
    norm: LayerNorm<_, epsilon = 0.001>,
    both: Gru<_, 16, go_backwards = true>,
    state: Lstm<8, return_state = true>,
    frozen: Dense<units = 3, trainable = false>,
    small: Dense<_, 3, kernel_regularizer = "l2">,
    none: Dense<_, 3, momentum = 0.9>,
}

fn main() {}
