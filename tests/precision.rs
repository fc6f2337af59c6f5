//! Sums and means of a million equal terms, right to 1e-6: a running sum of `f32` would be wrong by up to one percent.
//!
//! Each test runs twice, with the kernels and with the reference in their place.

#![allow(missing_docs)]

use dfdx::{
    prelude::{Backward, SumTo, TryMul},
    shapes::Rank0,
    tensor::{AsArray, Gradients, OwnedTape, PutTape, TensorFromVec},
};
use kerata::{
    AvgPool1d, AvgPool2d, BatchNorm, Conv1d, Conv2d, Cpu, Dense, Embedding, EmbeddingBag, Error,
    GlobalAveragePooling1d, GlobalAveragePooling2d, LayerNorm, Linear, Lstm, Mask, MaskZero,
    Masked, NoMask, Sequences, Softmax, Tensor, Valid,
    config::{Config, CustomObjects, layer_from_config},
    loss::{
        BinaryCrossentropy, CategoricalCrossentropy, Compute, Loss, MeanAbsoluteError,
        MeanSquaredError, SparseCategoricalCrossentropy,
    },
    metric::{MeanLoss, update},
    parameters::{Build, Parameter, Parameters, Visitor},
    prelude::*,
    reduce::{Mean, Unweighted},
    shape::{Const, Shape},
};

use serde_json::json;

const N: usize = 1_000_000;

/// How many terms there are where the type does not say: fewer for the reference, which takes its time.
fn n() -> usize {
    if std::env::var("KERATA_BACKEND").is_ok() { N / 10 } else { N }
}

/// Runs a test of this file again, with the reference.
fn with_reference(test: &str) {
    if std::env::var("KERATA_BACKEND").is_ok() {
        return;
    }
    let program = std::env::current_exe().unwrap();
    let mut command = std::process::Command::new(program);
    command.args(["--exact", test, "--nocapture"]).env("KERATA_BACKEND", "reference");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

macro_rules! tests {
    ($($name:ident $body:block)*) => {
        $(
            #[test]
            fn $name() {
                let test = || -> Result<(), Error> { $body Ok(()) };
                test().unwrap();
                with_reference(stringify!($name));
            }
        )*
    };
}

#[track_caller]
fn close(found: f32, expected: f64) {
    let error = (f64::from(found) / expected - 1.0).abs();
    assert!(error < 1e-6, "{found} for {expected}: wrong by {error:e}");
}

#[track_caller]
fn all_close(found: &[f32], expected: f64) {
    assert!(!found.is_empty());
    found.iter().for_each(|&found| close(found, expected));
}

fn dev() -> Cpu {
    Cpu::seed_from_u64(1)
}

fn filled<S: Shape>(shape: S, value: f32) -> Tensor<S, f32, Cpu> {
    dev().tensor_from_vec(vec![value; shape.num_elements()], shape)
}

/// Sets all parameters to a value, or reads their gradients.
enum Access<'a> {
    Set(f32),
    Read(&'a mut Gradients<f32, Cpu>, Vec<Vec<f32>>),
}

impl Visitor<f32, Cpu> for Access<'_> {
    fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
        if !parameter.trainable {
            return Ok(());
        }
        match self {
            Access::Set(value) => parameter.tensor.assign(&vec![*value; parameter.tensor.len()])?,
            Access::Read(gradients, all) => {
                all.push(parameter.tensor.gradient(gradients)?);
            }
        }
        Ok(())
    }
}

fn build<M: Build<f32, Cpu> + Parameters<f32, Cpu>>(value: f32) -> Result<M, Error> {
    let mut layer = M::build(&dev())?;
    layer.visit(&mut Access::Set(value))?;
    Ok(layer)
}

/// The gradients of the parameters, where that of each output is `of_each`.
fn gradients<M: Parameters<f32, Cpu>, S: Shape>(
    mut layer: M,
    y: Tensor<S, f32, Cpu, OwnedTape<f32, Cpu>>,
    of_each: f32,
) -> Result<Vec<Vec<f32>>, Error> {
    let mut gradients = y.try_mul(of_each).unwrap().sum::<Rank0, _>().backward();
    let mut access = Access::Read(&mut gradients, Vec::new());
    layer.visit(&mut access)?;
    let Access::Read(_, all) = access else { unreachable!() };
    Ok(all)
}

/// The tape of what gradients are wanted of.
fn traced<S: Shape>(x: Tensor<S, f32, Cpu>) -> Tensor<S, f32, Cpu, OwnedTape<f32, Cpu>> {
    x.put_tape(OwnedTape::default())
}

/// A loss as such and as a metric, over many positions and along one row.
fn losses<L>(loss: L, p: f32, y: f32, expected: f64) -> Result<(), Error>
where
    L: Loss<(usize, Const<1>), (usize, Const<1>)> + Copy,
    L: Loss<(usize, Const<N>), (usize, Const<N>)>,
{
    let shape = (n() / 1000 * 1024, Const::<1>);
    let (prediction, target) = (filled(shape, p), filled(shape, y));
    let found = Compute::compute(&loss, prediction.clone(), target.clone())?;
    close(found.array(), expected);
    let (mut mean, metric) = (Mean::default(), MeanLoss(loss));
    update::<(usize, Const<1>), (usize, Const<1>), f32, Cpu, _>(
        &mut mean,
        &metric,
        prediction,
        &target,
        &Unweighted,
    )?;
    close(mean.get() as f32, expected);
    let (prediction, target) = (filled((1, Const::<N>), p), filled((1, Const::<N>), y));
    close(Compute::compute(&loss, prediction, target)?.array(), expected);
    Ok(())
}

tests! {
    regression_losses {
        losses(MeanSquaredError, 0.1, 0.0, 0.01)?;
        losses(MeanAbsoluteError, 0.1, 0.0, 0.1)?;
    }

    binary_losses {
        let of = |p: f32| -f64::from(p).ln();
        losses(BinaryCrossentropy::default(), 0.3, 1.0, of(0.3))?;
        losses(BinaryCrossentropy::from_logits(), 0.0, 1.0, of(0.5))?;
    }

    cross_entropies {
        // Of a million positions.
        let p = dev().tensor_from_vec([0.3_f32, 0.7].repeat(n()), (n(), Const::<2>));
        let expected = -f64::from(0.3_f32).ln();
        let labels = dev().tensor_from_vec(vec![0; n()], (n(),));
        let loss = SparseCategoricalCrossentropy::default();
        close(loss.compute(p.clone(), labels)?.array(), expected);
        let hot = dev().tensor_from_vec([1.0_f32, 0.0].repeat(n()), (n(), Const::<2>));
        close(CategoricalCrossentropy::default().compute(p, hot)?.array(), expected);
        // Of a million classes.
        let (zeros, label) = (filled((1, Const::<N>), 0.0), dev().tensor_from_vec(vec![7_usize], (1,)));
        let expected = (N as f64).ln();
        let loss = SparseCategoricalCrossentropy::from_logits();
        close(loss.compute(zeros.clone(), label)?.array(), expected);
        let loss = CategoricalCrossentropy::from_logits();
        let even = filled((1, Const::<N>), 1e-6);
        let x = zeros.clone();
        let found = Compute::compute(&loss, traced(zeros), even.clone())?;
        close(found.as_vec()[0], expected);
        // Where all are as probable as they should be, there is nothing to learn. The slope of the largest, which is
        // the first of equals, is made of those of all others, and so are its errors.
        let slopes = found.backward().get(&x).as_vec();
        let steepest = slopes[1..].iter().fold(0.0_f32, |most, slope| most.max(slope.abs()));
        assert!(steepest < 1e-11 && slopes[0].abs() < 1e-6, "{steepest} {}", slopes[0]);
        close(CategoricalCrossentropy::default().compute(even.clone(), even)?.array(), expected);
    }

    softmax_of_a_wide_row {
        let x = filled((1, Const::<N>), 0.7);
        all_close(&Softmax.forward(x)?.as_vec(), 1e-6);
    }

    average_pools {
        let x = filled((1, n(), Const::<1>), 0.1);
        let expected = f64::from(0.1_f32);
        all_close(&GlobalAveragePooling1d.forward(x.clone())?.as_vec(), expected);
        let keep = (0..n()).map(|i| i % 8 != 3).collect::<Vec<_>>();
        let masked = Masked::new(x, Mask::from_bools(keep, 1, n())?)?;
        all_close(&GlobalAveragePooling1d.forward(masked)?.as_vec(), expected);
        let image = filled((1, Const::<1000>, Const::<1000>, Const::<1>), 0.1);
        all_close(&GlobalAveragePooling2d.forward(image.clone())?.as_vec(), expected);
        let pool = AvgPool2d::<1000>::default();
        all_close(&pool.forward(image)?.as_vec(), expected);
        let pool = AvgPool1d::<1000>::default();
        all_close(&pool.forward(filled((1, 3000, Const::<3>), 0.1))?.as_vec(), expected);
    }

    layer_norm_statistics {
        let layer = LayerNorm::<N>::build(&dev())?;
        let x = (0..N).map(|i| if i % 2 == 0 { 0.11_f32 } else { 0.09 }).collect();
        let y = layer.forward(dev().tensor_from_vec(x, (1, Const::<N>)))?.as_vec();
        let variance = (f64::from(0.11_f32) - f64::from(0.09_f32)).powi(2) / 4.0;
        let expected = (variance / (variance + 1e-3)).sqrt();
        // The numbers themselves are right to 4e-7 of their difference only.
        let right = |y: &f32| (f64::from(y.abs()) / expected - 1.0).abs() < 2e-6;
        assert!(y.iter().all(right), "{:?} {expected}", &y[..2]);
    }

    layer_norm_gradients {
        let layer = build::<LayerNorm<2>>(1.0)?;
        let x = dev().tensor_from_vec([-1.0_f32, 1.0].repeat(n()), (n(), Const::<2>));
        let normal = 1.0 / (1.0_f64 + 1e-3).sqrt();
        let y = layer.forward(traced(x))?;
        let found = gradients(layer, y, 0.1)?;
        let expected = f64::from(0.1_f32) * n() as f64;
        close(-found[0][0], expected * normal);
        close(found[0][1], expected * normal);
        all_close(&found[1], expected);
    }

    batch_norm_statistics {
        let mut layer = BatchNorm::<1>::build(&dev())?;
        layer.momentum = 0.0;
        let x = (0..n()).map(|i| if i % 2 == 0 { 0.3_f32 } else { 0.1 }).collect();
        let x = dev().tensor_from_vec(x, (n(), Const::<1>));
        let y = layer.forward_mut(traced(x))?;
        let (a, b) = (f64::from(0.3_f32), f64::from(0.1_f32));
        let (mean, variance) = ((a + b) / 2.0, (a - b).powi(2) / 4.0);
        all_close(&layer.moving_mean.as_vec(), mean);
        all_close(&layer.moving_variance.as_vec(), variance);
        let found = gradients(layer, y, 0.1)?;
        all_close(&found[1], f64::from(0.1_f32) * n() as f64);
    }

    dense_gradients {
        let layer = build::<Dense<1, 1>>(0.1)?;
        let y = layer.forward(traced(filled((n(), Const::<1>), 0.3)))?;
        let found = gradients(layer, y, 0.1)?;
        let expected = f64::from(0.1_f32) * n() as f64;
        all_close(&found[0], expected * f64::from(0.3_f32));
        all_close(&found[1], expected);
        let layer = build::<Dense<3, 5>>(0.1)?;
        let y = layer.forward(traced(filled((n(), Const::<3>), 0.3)))?;
        let found = gradients(layer, y, 0.1)?;
        all_close(&found[0], expected * f64::from(0.3_f32));
        all_close(&found[1], expected);
    }

    dense_with_long_sums {
        let layer = build::<Dense<N, 1>>(0.1)?;
        let y = layer.forward(filled((1, Const::<N>), 0.3))?;
        let each = f64::from(0.1_f32) * f64::from(0.3_f32);
        all_close(&y.as_vec(), each * N as f64 + f64::from(0.1_f32));
        let layer = build::<Dense<1, N>>(0.1)?;
        let x = filled((1, Const::<1>), 0.3);
        let y = layer.forward(traced(x.clone()))?;
        let slope = y.try_mul(0.3).unwrap().sum::<Rank0, _>().backward().get(&x).as_vec();
        all_close(&slope, each * N as f64);
    }

    convolution_gradients {
        let expected = f64::from(0.1_f32) * n() as f64;
        let layer = build::<Conv1d<1, 1, 1, Linear, Valid>>(0.1)?;
        let y = layer.forward(traced(filled((1, n(), Const::<1>), 0.3)))?;
        let found = gradients(layer, y, 0.1)?;
        all_close(&found[0], expected * f64::from(0.3_f32));
        all_close(&found[1], expected);
        // Many images, and a large one.
        let layer = build::<Conv2d<1, 2, 2, 2, Linear, Valid>>(0.1)?;
        let x = filled((n() / 4, Const::<3>, Const::<3>, Const::<1>), 0.3);
        let y = layer.forward(traced(x))?;
        let found = gradients(layer, y, 0.1)?;
        all_close(&found[0], expected * f64::from(0.3_f32));
        all_close(&found[1], expected);
        let layer = build::<Conv2d<1, 2, 1, 1, Linear, Valid>>(0.1)?;
        let y = layer.forward(traced(filled((1, Const::<1000>, Const::<1000>, Const::<1>), 0.3)))?;
        let found = gradients(layer, y, 0.1)?;
        let expected = f64::from(0.1_f32) * N as f64;
        all_close(&found[0], expected * f64::from(0.3_f32));
        all_close(&found[1], expected);
    }

    gradients_of_layers_from_configs {
        let (x, d_y) = (f64::from(0.3_f32), f64::from(0.1_f32));
        let terms = d_y * n() as f64;
        // Each config, the value that arrives everywhere, and the gradients of its weights.
        let cases = [
            (json!({"class_name": "DepthwiseConv1D", "config": {"kernel_size": 1}}), 0.3, vec![terms * x, terms]),
            (
                json!({"class_name": "DepthwiseConv1D", "config": {"kernel_size": 1, "depth_multiplier": 2}}),
                0.3,
                vec![terms * x, terms],
            ),
            (json!({"class_name": "Conv1D", "config": {"filters": 1, "kernel_size": 1}}), 0.3, vec![terms * x, terms]),
            (
                json!({"class_name": "Conv1DTranspose", "config": {"filters": 1, "kernel_size": 1}}),
                0.3,
                vec![terms * x, terms],
            ),
            (
                json!({"class_name": "SeparableConv1D", "config": {"filters": 1, "kernel_size": 1}}),
                0.3,
                vec![terms * x * f64::from(0.1_f32), terms * x * f64::from(0.1_f32), terms],
            ),
            (json!({"class_name": "PReLU", "config": {"shared_axes": [1]}}), -0.3, vec![-terms * x]),
        ];
        let mut wrong = Vec::new();
        for (config, value, expected) in cases {
            let mut layer = layer_from_config(&Config::try_from(config.clone())?, &CustomObjects::new())?;
            let x = filled((1, n(), Const::<1>), value);
            layer.run(x.clone())?;
            layer.visit(&mut Access::Set(0.1))?;
            let found = match config["config"]["depth_multiplier"].as_u64() {
                Some(_) => {
                    let y = layer.forward_mut::<(usize, usize, Const<2>), _>(traced(x))?;
                    gradients(layer, y, 0.1)?
                }
                None => {
                    let y = layer.forward_mut::<(usize, usize, Const<1>), _>(traced(x))?;
                    gradients(layer, y, 0.1)?
                }
            };
            assert_eq!(found.len(), expected.len(), "{config}");
            for (found, expected) in found.iter().zip(expected) {
                let mut error = found.iter().map(|&found| (f64::from(found) / expected - 1.0).abs());
                if !error.all(|error| error < 1e-6) {
                    wrong.push(format!("{config}: {found:?}, not {expected}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        // What is there many times.
        let repeat = json!({"class_name": "RepeatVector", "config": {"n": n()}});
        let dense = json!({"class_name": "Dense", "config": {"units": 1}});
        let config = json!({"class_name": "Sequential", "config": {"layers": [dense, repeat]}});
        let mut layer = layer_from_config(&Config::try_from(config)?, &CustomObjects::new())?;
        let x = filled((1, Const::<1>), 0.3);
        layer.run(x.clone())?;
        let y = layer.forward_mut::<(usize, usize, Const<1>), _>(traced(x))?;
        let found = gradients(layer, y, 0.1)?;
        all_close(&found[0], terms * f64::from(0.3_f32));
        all_close(&found[1], terms);
    }

    lstm_gradients {
        // With a step each, and all weights 0: the gates are 0.5, and the candidate has a slope of 1.
        let layer = build::<Lstm<1, 1, Sequences>>(0.0)?;
        let y = layer.forward(traced(filled((n(), 1, Const::<1>), 0.3)))?;
        let found = gradients(layer, y, 0.1)?;
        let expected = f64::from(0.1_f32) * n() as f64 / 4.0;
        close(found[0][2], expected * f64::from(0.3_f32));
        close(found[2][2], expected);
        if std::env::var("KERATA_BACKEND").is_err() {
            // All padding repeats the first step.
            let layer = build::<Lstm<1, 1, Sequences>>(0.0)?;
            let keep = (0..n()).map(|i| i == 0).collect::<Vec<_>>();
            let x = traced(filled((1, n(), Const::<1>), 0.3));
            let y = layer.forward(Masked::new(x, Mask::from_bools(keep, 1, n())?)?)?;
            let found = gradients(layer, y.into_parts().0, 0.1)?;
            close(found[2][2], expected);
        }
    }

    one_id_many_times {
        let expected = f64::from(0.1_f32) * n() as f64;
        let ids = dev().tensor_from_vec(vec![1_usize; n()], (1, n()));
        let layer = build::<Embedding<3, 2, NoMask>>(0.1)?;
        let y = layer.forward(ids.clone().put_tape(OwnedTape::default()))?;
        let found = gradients(layer, y, 0.1)?;
        all_close(&found[0][2..4], expected);
        let layer = build::<EmbeddingBag<3, 2, MaskZero>>(0.1)?;
        let y = layer.forward(ids.put_tape(OwnedTape::default()))?;
        all_close(&y.as_vec(), f64::from(0.1_f32));
        let found = gradients(layer, y, 0.1)?;
        all_close(&found[0][2..4], f64::from(0.1_f32));
        // So large a table that a few rows are read one by one.
        let layer = build::<EmbeddingBag<20_000, 2, NoMask>>(0.1)?;
        let y = layer.forward(dev().tensor_from_vec(vec![1_usize; 1000], (1, 1000)))?;
        all_close(&y.as_vec(), f64::from(0.1_f32));
    }
}
