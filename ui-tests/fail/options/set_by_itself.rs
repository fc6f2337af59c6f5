//~ `go_backwards` cannot be set here: of a `Bidirectional`, one layer goes forward and one backward
use kerata::{Batch, Bidirectional, Lstm, model};

#[model(input = (Batch, 5, 4))]
struct Net {
    #[with(go_backwards = true)]
    head: Bidirectional<Lstm<_, 2>>,
}

fn main() {
    let _ = kerata::parameters::Build::build(&kerata::Cpu::default()).map(|_: Net| ());
}
