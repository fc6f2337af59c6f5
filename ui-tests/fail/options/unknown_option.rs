//~ `BatchNormalization` has no option `momentun`: did you mean `momentum`?
use kerata::{Batch, BatchNorm, Dense, model};

#[model(input = (Batch, 4))]
struct Net {
    #[with(momentun = 0.9)]
    norm: BatchNorm<_>,
    head: Dense<_, 2>,
}

fn main() {
    let _ = kerata::parameters::Build::build(&kerata::Cpu::default()).map(|_: Net| ());
}
