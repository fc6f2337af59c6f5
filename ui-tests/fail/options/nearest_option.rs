//~ `LSTM` has no option `recurent_dropout`: did you mean `recurrent_dropout`?
use kerata::{Batch, Length, Lstm, model};

#[model(input = (Batch, Length, 3), output = (Batch, 4))]
struct Net {
    #[with(recurent_dropout = 0.2)]
    lstm: Lstm<_, 4>,
}

fn main() {}
