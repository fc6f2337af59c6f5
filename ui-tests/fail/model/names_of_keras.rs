//~ `Conv2D` is called `Conv2d` here: write `Conv2d<_, 8, 3, 3, Relu>`
//~ `MaxPooling2D` is called `MaxPool2d` here: write `MaxPool2d<2>`
//~ `BatchNormalization` is called `BatchNorm` here: write `BatchNorm<_>`
//~ `ReLU` is called `Relu` here: write `Relu`
//~ `Linear` is called `Dense` here: write `Dense<_, 10>`
//~ an activation is a layer itself, `Relu`
//~ `Input<8>` is no layer
use kerata::{Activation, Batch, BatchNormalization, Conv2D, Flatten, Linear, MaxPooling2D, ReLU, Relu, model};

#[model(input = (Batch, 28, 28, 1), output = (Batch, 10))]
struct Net {
    conv: Conv2D<_, 8, 3, 3, Relu>,
    pool: MaxPooling2D<2>,
    norm: BatchNormalization<_>,
    relu: ReLU,
    flat: Flatten<_>,
    act: Activation<Relu>,
    head: Linear<_, 10>,
}

#[model(input = (Batch, 8))]
struct Other {
    input: Input<8>,
}

fn main() {}
