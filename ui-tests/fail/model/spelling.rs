//~ `Dense` needs its features and units, and `_` stands for what reaches it: write `Dense<_, 10, Softmax>`
//~ `"softmax"` is a type here, not a string: write `Dense<_, 10, Softmax>`
//~ the units of `Dense` cannot be 0: write `Dense<_, 10>`
//~ the units of `Dense` cannot be negative: write `Dense<_, 10>`
//~ `_` is for what reaches a layer, and stands in front of the units
//~ `relu` is spelled `Relu`: write `Dense<_, 10, Relu>`
//~ `true` has a name here: write `Lstm<_, 32, Sequences>`
//~ `Relu` stands in place of the width of the window: write `Conv2d<_, 32, 3, 3, Relu>`
//~ `Conv2d` needs its features, filters and window size
//~ `Causal` stands in place of the padding, `Valid` or `Same`
//~ `MaxPool2d` needs its window size: write `MaxPool2d<2>`
//~ a rate is given in percent, a whole number from 0 to 99: write `Dropout<25>`
//~ `Flatten` needs its number of values, and `_` stands for what reaches it: write `Flatten<_>`
//~ `3` stands in place of the inner layer: write `TimeDistributed<Dense<_, 10>>`
//~ the numbers of this model are `f64`, those of this layer `f32`: write `Dense<_, 8, Linear, f64>`
//~ `Bidirectional` stands around the layer: write `Bidirectional<Lstm<_, 32>>`
//~ `Dropout` stands in place of the activation: write `Dense<_, 8>`
//~ a rate is given in percent, a whole number from 0 to 99: write `Dropout<30>`
//~ a model owns its layers: write `Dense<_, 8>`
//~ `impl Layer` is no layer: each field of a model is one
//~ nothing says that `L` is a layer
//~ there is a layer `head` already: give this one another name
//~lines 7
#![allow(unused_imports)]
use kerata::{
    Batch, Bidirectional, Causal, Conv2d, Dense, Dropout, Flatten, Linear, Lstm, MaxPool2d, Relu, Softmax,
    TimeDistributed, model,
};

#[model(input = (Batch, 8))]
struct Spelling {
    few: Dense<10, Softmax>,
    string: Dense<_, 10, "softmax">,
    zero: Dense<_, 0>,
    negative: Dense<_, -1>,
    hole: Dense<8, _>,
    small: Dense<_, 10, relu>,
    flag: Lstm<32, true>,
    flag_there: Lstm<_, 32, true>,
    skipped: Conv2d<_, 32, 3, Relu>,
    missing: Conv2d<_, 32>,
    causal: Conv2d<_, 32, 3, 3, Relu, Causal>,
    bare: MaxPool2d,
    rate: Dropout<0.25>,
    flat: Flatten,
    inside: TimeDistributed<3>,
    both: Lstm<_, 32, Bidirectional>,
    dropping: Dense<_, 8, Dropout>,
    braces: Dropout<{ 0.3 }>,
    lent: &Dense<_, 8>,
    any: impl Layer,
}

#[model(input = (Batch, 8), element = f64)]
struct Element {
    hidden: Dense<_, 8>,
    head: Dense<_, 2>,
}

#[model(input = (Batch, 8))]
struct Generic<L> {
    inner: L,
    head: Dense<8, 2>,
}

#[model(input = (Batch, 8))]
struct Twice {
    head: Dense<_, 8>,
    head: Dense<_, 8>,
}

fn main() {}
