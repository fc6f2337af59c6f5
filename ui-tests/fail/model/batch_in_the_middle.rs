//~ the first dimension is the batch, whose size is not in the type: write `(Batch, 10, 8)`
//~ the batch comes first, and a length that is not known is `Length`: write `(Batch, 8)`
//~ a length that is not known is `Length`, and the batch `Batch`
use kerata::{Batch, Lstm, model};

#[model(input = (10, Batch, 8))]
struct LengthFirst {
    lstm: Lstm<_, 4>,
}

#[model(input = (Batch, Batch, 8))]
struct Twice {
    lstm: Lstm<_, 4>,
}

#[model(input = (Batch, ?, 8))]
struct Unknown {
    lstm: Lstm<_, 4>,
}

fn main() {}
