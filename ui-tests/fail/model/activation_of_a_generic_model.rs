//~ nothing says that `A` is an activation: write `struct ..<A: kerata::Activation>`
use kerata::{Batch, Dense, TimeDistributed, model};

#[model(input = (Batch, 5, 4), output = (Batch, 5, 2))]
struct Net<A> {
    hidden: TimeDistributed<Dense<4, 8, A>>,
    head: TimeDistributed<Dense<8, 2, A>>,
}

fn main() {}
