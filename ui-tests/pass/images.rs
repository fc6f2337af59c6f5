#![deny(warnings)]
//! Sizes that the compiler calculates.

use kerata::{
    Batch, BatchNorm, Causal, Conv1d, Conv2d, Cpu, Dense, Error, Flatten, GlobalAveragePooling2d,
    LayerNorm, Length, Linear, MaxPool1d, MaxPool2d, Relu, RepeatVector, Reshape, Same, Valid,
    ZeroPadding2d, model, prelude::*, shape::Const,
};

#[model(input = (Batch, 28, 28, 1), output = (Batch, 10))]
struct Digits {
    conv1: Conv2d<_, 8, 3, 5, Relu, Same, 2>,
    norm: BatchNorm<_>,
    #[with(use_bias = false)]
    conv2: Conv2d<_, 4, 3, 3, Linear, Valid, 1, 2>,
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

/// One second of sound: no type calculates with its size, but the compiler does.
#[model(input = (Batch, 16000, 1), output = (Batch, 999, 16))]
struct Sound {
    conv: Conv1d<_, 16, 9, Relu, Valid, 4>,
    pool: MaxPool1d<4>,
}

#[model(input = (Batch, 1020, 1100, 3), output = (Batch, 514, 550, 4))]
struct LargeImage {
    pad: ZeroPadding2d<5, 1>,
    conv: Conv2d<_, 4, 3>,
    pool: MaxPool2d<2>,
}

fn main() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let digits = Digits::build(&dev)?;
    let _: &Dense<144, 10> = &digits.head;
    assert_eq!(digits.predict(&vec![[[[0.5]; 28]; 28]; 3], 2)?.as_vec().len(), 30);
    let x = dev.tensor_from_vec(vec![0.5; 2 * 9 * 7 * 3], (2, 9, 7, Const::<3>));
    assert_eq!(AnySize::build(&dev)?.forward(x)?.as_vec().len(), 8);
    assert_eq!((Sound::PARAMS, LargeImage::PARAMS), (9 * 16 + 16, 3 * 3 * 3 * 4 + 4));
    Sequence::build(&dev)?.predict(&vec![[1.0; 6]], 1)?;
    Ok(())
}
