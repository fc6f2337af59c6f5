//~ this option takes a `f64`, not a `bool`
use kerata::{Batch, BatchNorm, Dense, model};

#[model(input = (Batch, 4))]
struct Net {
    #[with(momentum = true)]
    norm: BatchNorm<_>,
    head: Dense<_, 2>,
}

fn main() {
    let _ = kerata::parameters::Build::build(&kerata::Cpu::default()).map(|_: Net| ());
}
