//~ a layer is a type, which is not called: write `Dense<_, 32, Relu>`
//~ a layer is a type, which is not called: write `Dense<4, 8>`
//~ a layer is a type, which is not called: write `Flatten<_>`
//~ a layer is a type, which is not called: write `TimeDistributed<Dense<_, 8>>`
//~ a layer is a type, which is not called: write `Own<..>`
//~ a layer is a type, which is not called: write `Relu`
#![allow(unused_imports)]
use kerata::{Batch, Dense, Flatten, Relu, TimeDistributed, model};

#[model(input = (Batch, 10))]
struct AsInKeras {
    hidden: Dense(32, activation = "relu"),
    head: Dense<_, 1>,
}

#[model(input = (Batch, 4))]
struct AsInTorch {
    hidden: Linear::new(4, 8),
}

// These the compiler can read.
#[model(input = (Batch, 4, 4))]
struct OfNothing {
    flat: Flatten(),
    head: Dense<_, 1>,
}

#[model(input = (Batch, 4, 4))]
struct OfTypes {
    pub(crate) steps: TimeDistributed(Dense<_, 8>),
}

#[model(input = (Batch, 4))]
struct OfYours {
    own: Own(Relu),
}

#[model(input = (Batch, 4))]
struct WithoutNames(Relu());

fn main() {}
