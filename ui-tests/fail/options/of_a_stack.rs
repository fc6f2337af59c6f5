//~ the options of a `StackedRnn` are those of its layers: set them behind `build`, `model.field.layers.0.dropout = ..`
use kerata::{Batch, Length, Lstm, Sequences, StackedRnn, model};

#[model(input = (Batch, Length, 3), output = (Batch, 4))]
struct Net {
    #[with(dropout = 0.2)]
    stack: StackedRnn<(Lstm<_, 16, Sequences>, Lstm<16, 4>)>,
}

fn main() {}
