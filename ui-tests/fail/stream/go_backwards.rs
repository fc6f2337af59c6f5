//~ `Gru<4, 8>` with `go_backwards = true` needs the end of the sequence
use kerata::{Batch, Cpu, Gru, Length, model, prelude::*};

#[model(input = (Batch, Length, 4), output = (Batch, 8))]
struct Backwards {
    #[with(go_backwards = true)]
    gru: Gru<_, 8>,
}

fn main() {
    let backwards = Backwards::build(&Cpu::default()).unwrap();
    let _ = backwards.stream(1);
}
