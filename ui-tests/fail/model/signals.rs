//~ `None` is `Batch` here: write `(Batch, 10)`
//~ the first dimension is the batch, whose size is not in the type: write `(Batch, 28, 28, 1)`
//~ a size is at least 1: write `(Batch, 10)`
//~ an argument stands behind `=`: write `input = (Batch, 10)`
//~ an argument has a name: write `input = (Batch, 10)`
//~ several inputs stand in `Inputs`: write `Inputs<((Batch, 8), (Batch, 8))>`
//~ the shape stands in `<(` and `)>`: write `Ids<(Batch, 10)>`
//~ a field is named without quotes: write `first`
//~ a length that is known is its number: write `(Batch, 20, 4)`
//~ the first dimension is the batch, whose size is not in the type: write `(Batch, 4)`
//~ a shape stands by itself: write `(Batch, 10)`
//~ arguments stand behind a `,` each, not behind a `;`
//~lines 7
#![allow(unused_imports)]
use kerata::{Batch, Dense, Ids, Length, Lstm, Tensor, model};

#[model(input = (None, 10))]
struct A {
    head: Dense<_, 2>,
}

#[model(input = (28, 28, 1))]
struct B {
    head: Dense<_, 2>,
}

#[model(input = (Batch, 0))]
struct C {
    head: Dense<_, 2>,
}

#[model(input: (Batch, 10), output: (Batch, 2))]
struct D {
    head: Dense<_, 2>,
}

#[model((Batch, 10))]
struct E {
    head: Dense<_, 2>,
}

#[model(input = ((Batch, 8), (Batch, 8)))]
struct F {
    head: Dense<_, 2>,
}

#[model(input = Ids<Batch, 10>)]
struct G {
    head: Dense<_, 2>,
}

#[model(input = (Batch, 10))]
struct H {
    first: Dense<_, 2>,
    #[from("first")]
    head: Dense<_, 2>,
}

#[model(input = (Batch, Length<20>, 4))]
struct I {
    lstm: Lstm<_, 2>,
}

#[model(input = (Batch<32>, 4))]
struct J {
    head: Dense<_, 2>,
}

#[model(input = Tensor<(Batch, 10)>)]
struct K {
    head: Dense<_, 2>,
}

#[model(input = (Batch, 10); output = (Batch, 2))]
struct L {
    head: Dense<_, 2>,
}

fn main() {}
