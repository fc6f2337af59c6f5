//~ `LSTM` has no option `patience`: there are
//~ `recurrent_dropout`, `use_bias`, `stateful`, `name` and `trainable`
use kerata::{Batch, Bidirectional, Dense, Lstm, model};
#[model(input = (Batch, 10, 3), output = (Batch, 3))]
struct Net {
    #[with(patience = 3)]
    lstm: Bidirectional<Lstm<_, 60>>,
    head: Dense<_, 3>,
}
fn main() {}
