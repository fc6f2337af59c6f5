//~ `Rely` is no activation: did you mean `relu`?
use kerata::{Batch, Gru, Length, model};

#[model(input = (Batch, Length, 8))]
struct Net {
    #[with(activation = Rely)]
    gru: Gru<_, 16>,
}

fn main() {}
