//~ nothing stands in quotes here: write `interpolation = kerata::ResizeInterpolation::Bilinear`
//~ `Bilinear` is one of `ResizeInterpolation`: write `interpolation = kerata::ResizeInterpolation::Bilinear`
//~ `"area"` is no `ResizeInterpolation`: there are `Nearest`, `Bilinear`
//~ nothing stands in quotes here: write `mode = kerata::FlipMode::Horizontal`
//~ `"reflekt"` is no `FillMode`: write `fill_mode = kerata::FillMode::Reflect`
//~ nothing stands in quotes here: write `use_bias = false`
//~ nothing stands in quotes here: write `epsilon = 0.01`
//~ channels come last here, `(Batch, Height, Width, Channels)`: leave `data_format` away
//~ an initializer is no string: write `kernel_initializer = HeNormal`
//~ an activation is no string: write `recurrent_activation = HardSigmoid`
//~ `BatchNorm` works along the last axis, Keras's default: leave `axis` away
//~ follows the seed of the device, `Cpu::seed_from_u64(0)`: leave `seed` away
//~lines 5
#![allow(unused_imports)]
use kerata::{
    Batch, BatchNorm, Conv2d, Dense, Dropout, Lstm, RandomFlip, RandomRotation, TimeDistributed, UpSampling2d, model,
};

#[model(input = (Batch, 8, 8, 3))]
struct Net {
    #[with(interpolation = "bilinear")]
    quoted: UpSampling2d<2>,
    #[with(interpolation = Bilinear)]
    bare: UpSampling2d<2>,
    #[with(interpolation = "area")]
    unknown: UpSampling2d<2>,
    #[with(mode = "horizontal")]
    flip: RandomFlip,
    #[with(fill_mode = "reflekt")]
    rotation: RandomRotation,
    #[with(use_bias = "False")]
    flag: TimeDistributed<Dense<_, 4>>,
    #[with(epsilon = "0.01")]
    number: BatchNorm<_>,
    #[with(data_format = "channels_first")]
    channels: Conv2d<_, 8, 3>,
    #[with(kernel_initializer = "he_normal")]
    initializer: Dense<_, 4>,
    #[with(recurrent_activation = "hard_sigmoid")]
    activation: Lstm<_, 4>,
    #[with(axis = -1)]
    axis: BatchNorm<_>,
    #[with(seed = 1)]
    drop: Dropout<50>,
}

fn main() {}
