//~ `Size<8>` features are needed here, but `Size<16>` arrives
use kerata::{Batch, Length, Lstm, Sequences, StackedRnn, model};

#[model(input = (Batch, Length, 3), output = (Batch, 4))]
struct Net {
    stack: StackedRnn<(Lstm<_, 16, Sequences>, Lstm<8, 4>)>,
}

fn main() {}
