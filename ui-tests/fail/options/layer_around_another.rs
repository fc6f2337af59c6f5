//~ `LSTM` has no option `rate`: there are
use kerata::{Batch, Bidirectional, Lstm, model};

#[model(input = (Batch, 5, 4))]
struct Net {
    #[with(rate = 0.5)]
    head: Bidirectional<Lstm<_, 2>>,
}

fn main() {
    let _ = kerata::parameters::Build::build(&kerata::Cpu::default()).map(|_: Net| ());
}
