//~ a `StackedRnn` has six layers at most, and this one 7
use kerata::{Batch, Gru, Length, Lstm, Sequences, StackedRnn, model};

type One = Gru<4, 4, Sequences>;

#[model(input = (Batch, Length, 3), output = (Batch, 4))]
struct Net {
    stack: StackedRnn<(Lstm<_, 4, Sequences>, One, One, One, One, One, Lstm<4, 4>)>,
}

fn main() {}
