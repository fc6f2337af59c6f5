//~ what is attended to must have 16 features here, but `Size<12>` arrives
//~ `MultiHeadAttention<_, 4, 32, 32, 64, 12>` takes a value of 12 features
use kerata::{Batch, Inputs, MultiHeadAttention, model};

#[model(input = Inputs<((Batch, 8, 16), (Batch, 5, 12))>)]
struct Net {
    #[from(input.0, input.1)]
    attention: MultiHeadAttention<_, 4, 8>,
}

fn main() {}
