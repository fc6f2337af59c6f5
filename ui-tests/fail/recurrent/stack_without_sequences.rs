//~ a layer within a `StackedRnn` must return its sequence
//~ all but the last one: `Lstm<_, N, Sequences>` in place of `Lstm<_, N>`
use kerata::{Batch, Length, Lstm, StackedRnn, model};

#[model(input = (Batch, Length, 3), output = (Batch, 4))]
struct Net {
    stack: StackedRnn<(Lstm<_, 16>, Lstm<16, 4>)>,
}

fn main() {}
