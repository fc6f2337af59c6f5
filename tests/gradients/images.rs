//! Convolution, pooling, normalisation and moving about.

use dfdx::{
    prelude::{SumTo, TryMul},
    tensor::TensorFromVec,
};
use kerata::{
    AvgPool1d, AvgPool2d, Batch, BatchNorm, Causal, Conv1d, Conv1dTranspose, Conv2d,
    Conv2dTranspose, Cpu, Cropping1d, Cropping2d, Dense, DepthwiseConv1d, DepthwiseConv2d, Flatten,
    GlobalAveragePooling2d, GlobalMaxPooling1d, GlobalMaxPooling2d, GroupNorm, Groups, LayerNorm,
    Length, Linear, Mask, Masked, MaxPool1d, MaxPool2d, OneGroup, PRelu1d, PRelu2d, Permute,
    ReluLayer, RepeatVector, Reshape, ResizeInterpolation, RmsNorm, Same, SeparableConv1d,
    SeparableConv2d, SoftmaxAlong, Tanh, Tensor, UpSampling1d, UpSampling2d, Valid, ZeroPadding1d,
    ZeroPadding2d,
    prelude::*,
    shape::{Const, HasShape, Shape},
};

use crate::numeric::{Loss, Tape, check, numbers, tensor};

type Pictures = (Batch, Const<5>, Const<6>, Const<2>);

fn build<M: Build<f64, Cpu>>() -> M {
    M::build(&Cpu::seed_from_u64(3)).unwrap()
}

fn pictures() -> Tensor<Pictures, f64, Cpu> {
    tensor((2, Const, Const, Const), 1)
}

/// A loss that looks at every number of a batch of any shape.
fn against<S: Shape>(y: Tensor<S, f64, Cpu, Tape>) -> Loss {
    let weights = Cpu::default().tensor_from_vec(numbers(y.shape().num_elements(), 9), *y.shape());
    y.try_mul(weights).unwrap().square().sum()
}

macro_rules! of_pictures {
    ($($name:ident: $layer:ty;)*) => {
        $(
            #[test]
            fn $name() {
                check(build::<$layer>(), pictures(), |layer, x| against(layer.forward(x).unwrap()));
            }
        )*
    };
}
of_pictures! {
    conv2d: Conv2d<2, 3, 3, 2, Linear, Valid, 1, 1, OneGroup, f64>;
    conv2d_same_stride: Conv2d<2, 3, 2, 3, Tanh, Same, 2, 1, OneGroup, f64>;
    conv2d_dilation: Conv2d<2, 2, 2, 2, Linear, Valid, 1, 2, OneGroup, f64>;
    conv2d_groups: Conv2d<2, 4, 3, 2, Tanh, Same, 2, 1, Groups<2>, f64>;
    max_pool: MaxPool2d<2>;
    max_pool_same: MaxPool2d<3, 2, 2, 1, Same>;
    average_pool: AvgPool2d<2>;
    average_pool_same: AvgPool2d<3, 2, 2, 1, Same>;
    global_max: GlobalMaxPooling2d;
    global_average: GlobalAveragePooling2d;
    slopes_of_channels: PRelu2d<2, 1, 1, f64>;
    slopes_of_pixels: PRelu2d<2, 5, 6, f64>;
    slopes_of_columns: PRelu2d<2, 1, 6, f64>;
    slopes_of_rows: PRelu2d<1, 5, 1, f64>;
    softmax_along_rows: SoftmaxAlong<1>;
    softmax_along_columns: SoftmaxAlong<2>;
    flatten: Flatten<60>;
    reshape: Reshape<(Const<10>, Const<6>)>;
    permute: Permute<3, 1, 2>;
    zero_padding: ZeroPadding2d<1, 2>;
    depthwise: DepthwiseConv2d<2, 3, 2, Tanh, Same, 2, 1, 3, f64>;
    separable: SeparableConv2d<2, 3, 3, 2, Tanh, Valid, 1, 1, 2, f64>;
    transposed: Conv2dTranspose<2, 3, 3, 2, Tanh, Same, 2, 1, f64>;
    transposed_dilation: Conv2dTranspose<2, 3, 2, 2, Linear, Valid, 1, 2, f64>;
    groups: GroupNorm<2, 1, f64>;
    groups_of_channels: GroupNorm<2, 2, f64>;
    cropping: Cropping2d<1, 2, 0, 1>;
    up_sampling: UpSampling2d<2, 1>;
    layer_norm: LayerNorm<2, f64>;
    rms_norm: RmsNorm<2, f64>;
    batch_norm: BatchNorm<2, f64>;
}

macro_rules! of_steps {
    ($($name:ident: $layer:ty;)*) => {
        $(
            #[test]
            fn $name() {
                let x = tensor((2, Const::<6>, Const::<3>), 1);
                check(build::<$layer>(), x, |layer, x| against(layer.forward(x).unwrap()));
            }
        )*
    };
}
of_steps! {
    conv1d: Conv1d<3, 2, 3, Linear, Valid, 1, 1, OneGroup, f64>;
    conv1d_causal: Conv1d<3, 2, 3, Tanh, Causal, 1, 2, OneGroup, f64>;
    conv1d_groups: Conv1d<3, 6, 2, Linear, Valid, 1, 2, Groups<3>, f64>;
    max_pool_1d: MaxPool1d<2>;
    average_pool_1d: AvgPool1d<3, 2, Same>;
    global_max_1d: GlobalMaxPooling1d;
    slopes_of_features: PRelu1d<3, 1, f64>;
    slope_of_all: PRelu1d<1, 1, f64>;
    softmax_along_steps: SoftmaxAlong<1>;
    permute_steps: Permute<2, 1>;
    zero_padding_1d: ZeroPadding1d<2, 1>;
    depthwise_1d: DepthwiseConv1d<3, 3, Tanh, Causal, 1, 2, 2, f64>;
    separable_1d: SeparableConv1d<3, 2, 3, Tanh, Causal, 1, 2, 1, f64>;
    transposed_1d: Conv1dTranspose<3, 2, 3, Linear, Valid, 2, 1, f64>;
    cropping_1d: Cropping1d<1, 2>;
    up_sampling_1d: UpSampling1d<3>;
}

#[test]
fn rectifier_with_options() {
    let relu = ReluLayer { max_value: 0.5, negative_slope: 0.3, threshold: 0.1 };
    check(build::<Dense<3, 5, Linear, f64>>(), tensor((4, Const::<3>), 1), |dense, x| {
        against(relu.forward(dense.forward(x).unwrap()).unwrap())
    });
}

/// The steps of the padding have no part in the slopes.
#[test]
fn slopes_under_a_mask() {
    let layer = build::<PRelu1d<2, 4, f64>>();
    let x = tensor((3, Const::<4>, Const::<2>), 1);
    check(layer, x, |layer, x| {
        let x = Masked::new(x, Mask::from_lengths(&[4, 2, 0], 4).unwrap()).unwrap();
        against(layer.forward(x).unwrap().into_parts().0)
    });
}

#[test]
fn up_sampling_between() {
    for interpolation in [ResizeInterpolation::Bilinear, ResizeInterpolation::Lanczos3] {
        let conv = build::<Conv2d<2, 2, 2, 2, Linear, Valid, 1, 1, OneGroup, f64>>();
        check(conv, pictures(), |conv, x| {
            let up = UpSampling2d::<2, 3> { interpolation };
            against(up.forward(conv.forward(x).unwrap()).unwrap())
        });
    }
}

#[test]
fn repeat_vector() {
    let x = tensor((2, Const::<3>), 1);
    check(build::<Dense<3, 2, Linear, f64>>(), x, |dense, x| {
        against(RepeatVector::<4>.forward(dense.forward(x).unwrap()).unwrap())
    });
}

/// The training pass: mean and variance are of the batch, and depend on every number of it.
#[test]
fn batch_norm_training() {
    check(build::<BatchNorm<2, f64>>(), pictures(), |norm, x| {
        against(norm.clone().forward_mut(x).unwrap())
    });
    let x = tensor((3, Const::<4>, Const::<2>), 1);
    check(build::<BatchNorm<2, f64>>(), x, |norm, x| {
        let x = Masked::new(x, Mask::from_lengths(&[4, 2, 0], 4).unwrap()).unwrap();
        against(norm.clone().forward_mut(x).unwrap().into_parts().0)
    });
}

#[test]
fn conv2d_without_bias() {
    let mut conv = build::<Conv2d<2, 2, 2, 2, Linear, Valid, 1, 2, OneGroup, f64>>();
    conv.use_bias = false;
    check(conv, pictures(), |conv, x| against(conv.forward(x).unwrap()));
}

/// Sizes known at run time only.
#[test]
fn sizes_at_run_time() {
    type Conv = Conv2d<2, 3, 3, 2, Linear, Valid, 1, 1, OneGroup, f64>;
    let x: Tensor<(Batch, Length, Length, Const<2>), f64, Cpu> = tensor((2, 5, 6, Const), 1);
    check(build::<Conv>(), x, |conv, x| {
        let y = conv.forward(x).unwrap();
        assert_eq!(y.shape().concrete(), [2, 3, 5, 3]);
        against(MaxPool2d::<2>::default().forward(y).unwrap())
    });
    let small: Tensor<(Batch, Length, Length, Const<2>), f64, Cpu> = tensor((2, 2, 6, Const), 1);
    let error = build::<Conv>().forward(small).unwrap_err().to_string();
    assert_eq!(error, "the size that a window slides along (at least): expected 3, found 2");
    let some: Tensor<(Batch, Length), f64, Cpu> = tensor((2, 6), 1);
    let error = Flatten::<5>.forward(some).unwrap_err().to_string();
    assert_eq!(error, "the numbers of a reshaped batch: expected [2, 5], found [2, 6]");
}
