//~ a query and what it attends to are sequences here, `(Batch, Length, Features)`, but
//~ this layer attends to the steps of a sequence
use kerata::{Batch, Inputs, MultiHeadAttention, model};

#[model(input = Inputs<((Batch, 8, 16), (Batch, 16))>)]
struct Net {
    #[from(input.0, input.1)]
    attention: MultiHeadAttention<_, 4, 8>,
}

fn main() {}
