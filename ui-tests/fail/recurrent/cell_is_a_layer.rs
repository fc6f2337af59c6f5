//~ `Gru<8, 16>` is not the cell of a recurrent layer
use kerata::{Batch, Gru, Length, Rnn, Sequences, model};

#[model(input = (Batch, Length, 8))]
struct Net {
    rnn: Rnn<Gru<8, 16>, Sequences>,
}

fn main() {}
