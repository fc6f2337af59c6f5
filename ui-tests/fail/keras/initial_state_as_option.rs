//~ the state a layer begins with is its second input here: write `#[from(x, encoder.state)]`
use kerata::{Batch, Dense, Embedding, Ids, Inputs, Lstm, MaskZero, ReturnState, Sequences, TimeDistributed, model};
#[model(input = Inputs<(Ids<(Batch, 10)>, Ids<(Batch, 12)>)>)]
struct Translator {
    #[from(input.0)]
    words: Embedding<50, 8, MaskZero>,
    encoder: ReturnState<Lstm<_, 16>>,
    #[from(input.1)]
    before: Embedding<40, 8, MaskZero>,
    #[with(initial_state = encoder.state)]
    decoder: Lstm<_, 16, Sequences>,
    next: TimeDistributed<Dense<_, 40>>,
}

fn main() {}
