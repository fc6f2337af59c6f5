//~ a sequence is needed here, `(Batch, Length, Features)`, but `Inputs<((usize, Size<16>), StateHc<(usize, Size<16>)>)>` arrives
//~ of a `ReturnState` `#[from(name.output)]`
use kerata::{Batch, Length, Lstm, ReturnState, model};

#[model(input = (Batch, Length, 8), output = (Batch, 2))]
struct Net {
    first: ReturnState<Lstm<_, 16>>,
    last: Lstm<16, 2>,
}

fn main() {}
