//! Convolution, pooling, flattening and normalisation.

use dfdx::tensor::OwnedTape;
use kerata::{
    Batch, BatchNorm, Causal, Const, Conv1d, Conv2d, Cpu, Dense, Embedding, Flatten,
    GlobalMaxPooling1d, Ids, LayerNorm, Linear, MaskZero, MaxPool1d, MaxPool2d, Relu, Same,
    Sigmoid, Softmax, Tanh, Tensor, TimeDistributed, Unmask, Valid,
    loss::{BinaryCrossentropy, Loss, MeanSquaredError, Prediction, SparseCategoricalCrossentropy},
    optim::{Adam, Sgd},
    prelude::*,
    reduce::Unweighted,
    signal::Signal,
};

use crate::{
    case::Case,
    harness::{Test, tests},
    models::{self, Comparable, FromCase, cases, forward, none},
    report::Report,
    training::check_steps,
    variants::{OUTPUT, TRAINING},
};

type Words<const L: usize> = Ids<(Batch, Const<L>)>;
type Rows<const L: usize, const F: usize> = (Batch, Const<L>, Const<F>);
type Vectors<const F: usize> = (Batch, Const<F>);
type Pictures<const H: usize, const W: usize, const C: usize> =
    (Batch, Const<H>, Const<W>, Const<C>);
/// What Keras drops with a warning is dropped on purpose here, within the layer that made the mask.
type Unmasked<const V: usize, const N: usize> = (Embedding<V, N, MaskZero>, Unmask);
type Norms = (Dense<4, 5>, BatchNorm<5>, Relu, Dense<5, 2>);
type LayerNorms = (Dense<4, 6>, LayerNorm<6>, Dense<6, 2>);
type Network = (
    Conv2d<3, 4, 3, 3, Relu, Same>,
    MaxPool2d<2>,
    Conv2d<4, 3, 2, 2, Tanh>,
    Flatten<18>,
    Dense<18, 3, Softmax>,
);

cases! {
    conv1d_valid: Rows<7, 2> => (Conv1d<2, 3, 3>,) => Rows<5, 3>, MeanSquaredError, none;
    conv1d_same: Rows<7, 2>
        => (Conv1d<2, 3, 4, Linear, Same>,) => Rows<7, 3>, MeanSquaredError, none;
    conv1d_causal: Rows<7, 2>
        => (Conv1d<2, 3, 3, Linear, Causal>,) => Rows<7, 3>, MeanSquaredError, none;
    conv1d_stride2_same: Rows<7, 2>
        => (Conv1d<2, 3, 3, Relu, Same, 2>,) => Rows<4, 3>, MeanSquaredError, none;
    conv1d_drops_mask: Words<5>
        => (Unmasked<6, 4>, Conv1d<4, 3, 2, Linear, Same>) => Rows<5, 3>, MeanSquaredError, none;
    conv1d_pool_gmp_dense: Rows<7, 2>
        => (Conv1d<2, 4, 3, Relu>, MaxPool1d<2>, GlobalMaxPooling1d, Dense<4, 1, Sigmoid>)
        => Vectors<1>, BinaryCrossentropy::default(), none;
    conv2d_same_stride1: Pictures<5, 6, 2>
        => (Conv2d<2, 3, 3, 3, Linear, Same>,) => Pictures<5, 6, 3>, MeanSquaredError, none;
    conv2d_same_stride2: Pictures<6, 7, 2>
        => (Conv2d<2, 3, 3, 3, Tanh, Same, 2>,) => Pictures<3, 4, 3>, MeanSquaredError, none;
    conv2d_same_even_kernel: Pictures<5, 5, 1>
        => (Conv2d<1, 2, 2, 4, Linear, Same>,) => Pictures<5, 5, 2>, MeanSquaredError, none;
    conv2d_valid_stride2: Pictures<7, 6, 2>
        => (Conv2d<2, 2, 3, 3, Linear, Valid, 2>,) => Pictures<3, 2, 2>, MeanSquaredError, none;
    conv2d_valid_pool_flatten_dense: Pictures<8, 8, 2>
        => (Conv2d<2, 3, 3, 3, Relu>, MaxPool2d<2>, Flatten<27>, Dense<27, 4, Softmax>)
        => Ids<(Batch,)>, SparseCategoricalCrossentropy::default(), none;
    maxpool_same: Pictures<5, 5, 2>
        => (MaxPool2d<2, 2, 2, 2, Same>,) => Pictures<3, 3, 2>, MeanSquaredError, none;
    maxpool_stride1: Pictures<4, 5, 2>
        => (MaxPool2d<3, 3, 1, 1>,) => Pictures<2, 3, 2>, MeanSquaredError, none;
    flatten_drops_mask: Words<5>
        => (Unmasked<6, 4>, Flatten<20>, Dense<20, 2>) => Vectors<2>, MeanSquaredError, none;
    gmp1d_ignores_mask: Words<5>
        => (Unmasked<6, 4>, GlobalMaxPooling1d) => Vectors<4>, MeanSquaredError, none;
    batchnorm_inference: Vectors<4> => Norms => Vectors<2>, MeanSquaredError, none;
    layernorm_dense: Vectors<4> => LayerNorms => Vectors<2>, MeanSquaredError, none;
    layernorm_masked: Words<5>
        => (Embedding<6, 4, MaskZero>, LayerNorm<4>, TimeDistributed<Dense<4, 2>>)
        => Rows<5, 2>, MeanSquaredError, none;
    batchnorm_masked_inference: Words<5>
        => (Embedding<6, 4, MaskZero>, BatchNorm<4>) => Rows<5, 4>, MeanSquaredError, none;
}

/// Row-major, channels fastest.
fn flatten_24_24_32(case: &Case, report: &mut Report) {
    let x: Tensor<Pictures<24, 24, 32>, f32, Cpu> = <Pictures<24, 24, 32>>::read(case, "input");
    case.assert_tensor("forward", "output", &Flatten::<18432>.forward(x).unwrap().as_vec());
    report.typed(OUTPUT);
}

/// Forward, loss, gradients and moving statistics of the training pass.
fn training<In, Y, M>(case: &Case, report: &mut Report, change: impl FnOnce(&mut M))
where
    In: FromCase,
    Y: FromCase,
    M: Layer<In, Out: Comparable + Prediction> + Build + Parameters,
    MeanSquaredError: Loss<M::Out, Y>,
{
    let mut model = M::build(&Cpu::default()).unwrap();
    change(&mut model);
    case.load(&mut model);
    let input = In::read(case, "input");
    let input = In::put_tape::<f32, Cpu, OwnedTape<f32, Cpu>>(input, OwnedTape::default());
    let (output, tape) = M::Out::split_tape(model.call_mut(input).unwrap());
    case.assert_tensor("forward", "output", &M::Out::values(&output));
    let output = M::Out::put_tape::<f32, Cpu, OwnedTape<f32, Cpu>>(output, tape);
    let target = Y::read(case, "target");
    let loss = Loss::<M::Out, Y>::mean(&MeanSquaredError, output, &target, &Unweighted).unwrap();
    case.assert_tensor("loss", "loss", &[loss.array()]);
    for (name, gradient) in case.gradients(&model, &mut loss.backward()) {
        let tensor = format!("grad.{name}");
        if case.has(&tensor) {
            case.assert_tensor("grad", &tensor, &gradient);
        }
    }
    for (name, weights) in case.weights(&model) {
        let tensor = format!("after_forward.{name}");
        if case.has(&tensor) {
            case.assert_tensor("forward", &tensor, &weights);
        }
    }
    report.typed(TRAINING);
}

fn batchnorm_training_forward(case: &Case, report: &mut Report) {
    training::<Vectors<4>, Vectors<2>, Norms>(case, report, |_| ());
}

fn batchnorm_conv_training(case: &Case, report: &mut Report) {
    type Net = (Conv2d<2, 3, 2>, BatchNorm<3>, Flatten<27>, Dense<27, 2>);
    training::<Pictures<4, 4, 2>, Vectors<2>, Net>(case, report, |net| net.0.use_bias = false);
}

fn batchnorm_masked_training(case: &Case, report: &mut Report) {
    type Net = (Embedding<6, 4, MaskZero>, BatchNorm<4>, TimeDistributed<Dense<4, 2>>);
    training::<Words<5>, Rows<5, 2>, Net>(case, report, |net| {
        net.1.momentum = 0.9;
    });
}

fn conv_train_5_steps(case: &Case, report: &mut Report) {
    type Input = Pictures<8, 7, 3>;
    let loss = SparseCategoricalCrossentropy::default();
    models::check::<Input, Ids<(Batch,)>, Network, _, _>(case, report, &loss, none, |_| ());
    check_steps::<Input, Ids<(Batch,)>, Network, _>(case, report, &loss, Adam::new(0.005));
}

fn layernorm_train_5_steps(case: &Case, report: &mut Report) {
    let loss = MeanSquaredError;
    models::check::<Vectors<4>, Vectors<2>, LayerNorms, _, _>(case, report, &loss, none, |_| ());
    check_steps::<Vectors<4>, Vectors<2>, LayerNorms, _>(case, report, &loss, Adam::new(0.01));
}

/// The bias that the first layer has here, and not there, has no gradient in front of a batch norm.
fn batchnorm_train_5_steps(case: &Case, report: &mut Report) {
    training::<Vectors<4>, Vectors<2>, Norms>(case, report, |_| ());
    let loss = MeanSquaredError;
    check_steps::<Vectors<4>, Vectors<2>, Norms, _>(case, report, &loss, Sgd::new(0.05));
}

/// A model of images that Keras saved in all its formats.
fn import_conv_bn(case: &Case, report: &mut Report) {
    type Net = (Conv2d<2, 3, 3, 3, Relu>, BatchNorm<3>, MaxPool2d<2>, Flatten<12>, Dense<12, 2>);
    forward::<Pictures<7, 6, 2>, Net>(case);
    report.typed(OUTPUT);
}

pub(crate) fn tests() -> Vec<Test> {
    let mut all = model_tests();
    all.extend(tests![
        flatten_24_24_32,
        batchnorm_training_forward,
        batchnorm_conv_training,
        batchnorm_masked_training,
        conv_train_5_steps,
        layernorm_train_5_steps,
        batchnorm_train_5_steps,
        import_conv_bn,
    ]);
    all
}
