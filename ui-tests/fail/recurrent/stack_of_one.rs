//~ a `StackedRnn` is a tuple of two to six layers; one is itself: write `Lstm<_, 16>`
use kerata::{Batch, Length, Lstm, StackedRnn, model};

#[model(input = (Batch, Length, 3), output = (Batch, 16))]
struct Net {
    stack: StackedRnn<(Lstm<_, 16>,)>,
}

fn main() {}
