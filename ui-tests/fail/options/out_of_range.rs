//~ `momentum` is 1.5: it must be in 0..=1
use kerata::{Batch, BatchNorm, Dense, model};

#[model(input = (Batch, 4))]
struct Net {
    #[with(momentum = 1.5)]
    norm: BatchNorm<_>,
    head: Dense<_, 2>,
}

fn main() {
    let _ = kerata::parameters::Build::build(&kerata::Cpu::default()).map(|_: Net| ());
}
