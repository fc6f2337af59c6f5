//~ there is no part `.hidden`: of several inputs there are `.0`, `.1` and so on, of a `ReturnState` these are `.output` and `.state`
use kerata::{Batch, Gru, Length, ReturnState, model};

#[model(input = (Batch, Length, 8), output = (Batch, 8))]
struct Net {
    encoder: ReturnState<Gru<_, 8>>,
    #[from(input, encoder.hidden)]
    decoder: Gru<_, 8>,
}

fn main() {}
