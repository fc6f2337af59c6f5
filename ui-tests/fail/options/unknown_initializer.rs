//~ `HeNorml` is no initializer: did you mean `he_normal`?
use kerata::{Batch, BatchNorm, Dense, model};

#[model(input = (Batch, 4))]
struct Net {
    #[with(gamma_initializer = HeNorml)]
    norm: BatchNorm<_>,
    head: Dense<_, 2>,
}

fn main() {
    let _ = kerata::parameters::Build::build(&kerata::Cpu::default()).map(|_: Net| ());
}
