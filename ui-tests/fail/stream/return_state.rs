//~ `ReturnState<Gru<8, 4>>` needs the end of the sequence
use kerata::{Batch, Cpu, Gru, Length, ReturnState, model, prelude::*};

#[model(input = (Batch, Length, 8), output = (Batch, 4))]
struct Net {
    encoder: ReturnState<Gru<_, 4>>,
    #[from(input, encoder.state)]
    decoder: Gru<_, 4>,
}

fn main() {
    let net = Net::build(&Cpu::default()).unwrap();
    let _ = net.stream(1);
}
