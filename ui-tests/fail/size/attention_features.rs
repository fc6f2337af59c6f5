//~ the number of features must be 12 here, but
//~ Size<16>
use kerata::{Batch, MultiHeadAttention, model};

#[model(input = (Batch, 8, 16))]
struct Net {
    attention: MultiHeadAttention<12, 4, 8>,
}

fn main() {}
