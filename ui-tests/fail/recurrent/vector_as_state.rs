//~ `(usize, Size<16>)` is not the state of `Gru<8, 16>`
use kerata::{Batch, Dense, Gru, Inputs, Length, model};

#[model(input = Inputs<((Batch, Length, 8), (Batch, 4))>, output = (Batch, 16))]
struct Net {
    #[from(input.1)]
    dense: Dense<_, 16>,
    #[from(input.0, dense)]
    decoder: Gru<_, 16>,
}

fn main() {}
