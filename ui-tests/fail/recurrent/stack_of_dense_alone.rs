//~ `Dense<_, 16>` is not a layer of a `StackedRnn`: one recurrent layer is needed here
use kerata::{Batch, Dense, Length, StackedRnn, model};

#[model(input = (Batch, Length, 3), output = (Batch, 4))]
struct Net {
    stack: StackedRnn<(Dense<_, 16>, Dense<16, 4>)>,
}

fn main() {}
