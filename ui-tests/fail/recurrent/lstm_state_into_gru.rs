//~ `StateHc<(usize, Size<16>)>` is not the state of `Gru<8, 16, Sequences>`
//~ this layer starts from a state of its own kind and units
use kerata::{Batch, Gru, Inputs, Length, Lstm, ReturnState, Sequences, model};

#[model(input = Inputs<((Batch, Length, 8), (Batch, Length, 8))>, output = (Batch, Length, 16))]
struct Net {
    #[from(input.0)]
    encoder: ReturnState<Lstm<_, 16>>,
    #[from(input.1, encoder.state)]
    decoder: Gru<_, 16, Sequences>,
}

fn main() {}
