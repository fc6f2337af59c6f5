//~ `StateH<(usize, Size<8>)>` is not the state of `Gru<8, 16>`
use kerata::{Batch, Gru, Inputs, Length, ReturnState, model};

#[model(input = Inputs<((Batch, Length, 8), (Batch, Length, 8))>, output = (Batch, 16))]
struct Net {
    #[from(input.0)]
    encoder: ReturnState<Gru<_, 8>>,
    #[from(input.1, encoder.state)]
    decoder: Gru<_, 16>,
}

fn main() {}
