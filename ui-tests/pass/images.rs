#![deny(warnings)]
//! Sizes that the compiler calculates.

use kerata::{
    Batch, BatchNorm, Causal, Conv1d, Conv2d, Cpu, Dense, Error, Flatten, GlobalAveragePooling2d,
    LayerNorm, Length, Linear, MaxPool2d, NoBias, Relu, RepeatVector, Reshape, Same, Valid,
    ZeroPadding2d, model, prelude::*, shape::Const,
};

#[model(input = (Batch, 28, 28, 1), output = (Batch, 10))]
struct Digits {
    conv1: Conv2d<_, 8, 3, 5, Relu, Same, 2>,
    norm: BatchNorm<_>,
    conv2: Conv2d<_, 4, 3, 3, Linear, Valid, 1, 2, NoBias>,
    pad: ZeroPadding2d<1>,
    pool: MaxPool2d<2>,
    flatten: Flatten<_>,
    head: Dense<_, 10>,
}

#[model(input = (Batch, Length, Length, 3), output = (Batch, 4))]
struct AnySize {
    conv: Conv2d<_, 4, 3>,
    pool: GlobalAveragePooling2d,
}

#[model(input = (Batch, 6), output = (Batch, 5, 7))]
struct Sequence {
    repeat: RepeatVector<5>,
    conv: Conv1d<_, 7, 3, Relu, Causal>,
    norm: LayerNorm<_>,
    reshape: Reshape<(Const<7>, Const<5>)>,
    back: Reshape<(Const<5>, Const<7>)>,
}

fn main() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let digits = Digits::build(&dev)?;
    let _: &Dense<144, 10> = &digits.head;
    assert_eq!(digits.predict(&vec![[[[0.5]; 28]; 28]; 3], 2)?.as_vec().len(), 30);
    let x = dev.tensor_from_vec(vec![0.5; 2 * 9 * 7 * 3], (2, 9, 7, Const::<3>));
    assert_eq!(AnySize::build(&dev)?.forward(x)?.as_vec().len(), 8);
    Sequence::build(&dev)?.predict(&vec![[1.0; 6]], 1)?;
    Ok(())
}
