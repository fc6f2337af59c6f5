//~ `Dense<8, 4>` is not a recurrent layer
//~ a recurrent layer is needed here: `Lstm<..>`, `Gru<..>` or `SimpleRnn<..>`
use kerata::{Batch, Bidirectional, Dense, GlobalAveragePooling1d, model};

#[model(input = (Batch, 10, 8), output = (Batch, 4))]
struct Net {
    both: Bidirectional<Dense<8, 4>>,
    mean: GlobalAveragePooling1d,
}

fn main() {}
