//~ a sequence is needed here, `(Batch, Length, Features)`, but `Inputs<(StateHc<(usize, Size<16>)>, (usize, usize, Size<8>))>` arrives
//~ a sequence and a state: the sequence is the first, `#[from(x, encoder.state)]`
use kerata::{Batch, Inputs, Length, Lstm, ReturnState, Sequences, model};

#[model(input = Inputs<((Batch, Length, 8), (Batch, Length, 8))>, output = (Batch, Length, 16))]
struct Net {
    #[from(input.0)]
    encoder: ReturnState<Lstm<_, 16>>,
    #[from(encoder.state, input.1)]
    decoder: Lstm<_, 16, Sequences>,
}

fn main() {}
