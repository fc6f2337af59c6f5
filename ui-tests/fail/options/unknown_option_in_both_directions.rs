//~ `LSTM` has no option `dropuot` (did you mean `dropout`?)
//~ `recurrent_dropout`, `use_bias`, `stateful`, `name` and `trainable`
use kerata::{Batch, Bidirectional, Dense, Lstm, model};
#[model(input = (Batch, 10, 3), output = (Batch, 3))]
struct Net {
    #[with(dropuot = 0.5)]
    lstm: Bidirectional<Lstm<_, 60>>,
    head: Dense<_, 3>,
}
fn main() {}
