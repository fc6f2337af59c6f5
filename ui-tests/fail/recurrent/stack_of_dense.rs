//~ `Dense<16, 4>` is not a layer of a `StackedRnn`
//~ one recurrent layer is needed here: `Lstm<..>`, `Gru<..>`, `SimpleRnn<..>` or `Rnn<..>`
use kerata::{Batch, Dense, Length, Lstm, Sequences, StackedRnn, model};

#[model(input = (Batch, Length, 3), output = (Batch, 4))]
struct Net {
    stack: StackedRnn<(Lstm<_, 16, Sequences>, Dense<16, 4>)>,
}

fn main() {}
