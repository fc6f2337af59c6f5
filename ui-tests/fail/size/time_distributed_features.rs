//~ the number of features must be 16 here
use kerata::{Batch, Dense, TimeDistributed, model};

#[model(input = Masked<(Batch, 10, 8)>)]
struct Net {
    steps: TimeDistributed<Dense<16, 4>>,
}

use kerata::Masked;

fn main() {}
