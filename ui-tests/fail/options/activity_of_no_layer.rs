//~ `Dropout` has no `activity_regularizer`: `Conv1d`, `Conv2d`, `Dense`, `Embedding`, `Gru`, `Lstm`, `SimpleRnn` have one
use kerata::{Batch, Dense, Dropout, model};

#[model(input = (Batch, 4), output = (Batch, 2))]
struct Net {
    #[with(activity_regularizer = L2(0.01))]
    drop: Dropout<50>,
    head: Dense<_, 2>,
}

fn main() {}
