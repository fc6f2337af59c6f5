//~ `Dense<8, 4>` is not a recurrent layer
use kerata::{Batch, Dense, Length, ReturnState, model};

#[model(input = (Batch, Length, 8), output = (Batch, 4))]
struct Net {
    both: ReturnState<Dense<8, 4>>,
    #[from(both.output)]
    head: Dense<4, 4>,
}

fn main() {}
