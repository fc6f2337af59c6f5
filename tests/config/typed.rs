//! Layers of the graphs that Keras answered, as types.

use dfdx::tensor::TensorFromVec;
use kerata::{
    AlphaDropout, Batch, Const, Conv1dTranspose, Conv2dTranspose, Cpu, Cropping1d, Cropping2d,
    DepthwiseConv1d, DepthwiseConv2d, Elu, Error, GaussianDropout, GaussianNoise, GroupNorm, Layer,
    Linear, Mask, Masked, Relu6, Same, SeparableConv1d, SeparableConv2d, SpatialDropout1d,
    SpatialDropout2d, Tensor, UnitNorm, UpSampling1d, UpSampling2d, Valid, ZeroPadding1d,
    ZeroPadding2d,
    config::{Configured, CustomObjects, layer_from_config},
    model,
    parameters::{Parameter, Parameters, Visitor},
    prelude::*,
    shape::{HasShape, Shape},
};

use crate::case::Case;

type Images = (Batch, Const<5>, Const<6>, Const<4>);
type Steps = (Batch, Const<6>, Const<4>);
type Steps4 = (Batch, usize, Const<4>);

/// The weights of a layer, in Keras's order.
struct Load<'a>(&'a Case, &'a str, usize);

impl Visitor<f32, Cpu> for Load<'_> {
    fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
        let values = self.0.floats(&format!("weight.{}.{}", self.1, self.2));
        self.2 += 1;
        parameter.tensor.assign(&values)?;
        Ok(())
    }
}

/// A layer of a case, made of its config, answers what Keras does.
fn check<L, In, Out>(case: &str, name: &str, x: In)
where
    In: Shape,
    Out: Shape,
    L: Layer<In, Out = Out> + Configured<Element = f32, Device = Cpu> + Build + Parameters,
{
    let case = Case::graph(case);
    let model = case.model_json().unwrap();
    let layers = model["config"]["layers"].as_array().unwrap();
    let config = layers.iter().find(|layer| layer["config"]["name"] == name).unwrap();
    let mut layer = L::from_config(&config.clone().try_into().unwrap()).unwrap();
    layer.visit(&mut Load(&case, name, 0)).unwrap();
    let outputs = model["config"]["output_layers"].as_array().unwrap();
    let output = outputs.iter().position(|output| output[0] == name).unwrap();
    let x: Tensor<In, f32, Cpu> = Cpu::default().tensor_from_vec(case.floats("input.0"), x);
    let found: Tensor<Out, f32, Cpu> = layer.call(x).unwrap();
    let (found, expected) = (found.as_vec(), case.floats(&format!("output.{output}")));
    assert_eq!(found.len(), expected.len(), "{name}");
    for (i, (a, b)) in found.iter().zip(&expected).enumerate() {
        assert!((a - b).abs() <= 1e-5 * b.abs() + 2e-6, "{name}[{i}] is {a}, Keras has {b}");
    }
}

macro_rules! check {
    ($case:literal, $x:expr => $($name:literal: $layer:ty;)*) => {
        $(check::<$layer, _, _>($case, $name, $x);)*
    };
}

#[test]
fn layers_of_images() {
    let x: Images = (2, Const, Const, Const);
    check! { "layers_of_images", x =>
        "zero_padding2d": ZeroPadding2d<1, 2, 0, 3>;
        "cropping2d": Cropping2d<1, 2, 0, 1>;
        "depth": DepthwiseConv2d<4, 3, 3, Relu6, Same, 1, 2>;
        "depths": DepthwiseConv2d<4, 2, 3, Linear, Valid, 1, 1, 3>;
        "separable": SeparableConv2d<4, 5, 3, 3, Linear, Valid, 2, 1, 2>;
        "spread": Conv2dTranspose<4, 3, 3, 3, Linear, Same, 2>;
        "apart": Conv2dTranspose<4, 2, 2, 2, Linear, Valid, 3>;
        "spatial_dropout2d": SpatialDropout2d<50>;
        "up_sampling2d": UpSampling2d<2, 3>;
        "up_sampling2d_1": UpSampling2d<2>;
    }
}

#[test]
fn layers_of_sequences() {
    let x: Steps = (2, Const, Const);
    check! { "layers_of_sequences", x =>
        "zero_padding1d": ZeroPadding1d<2, 1>;
        "cropping1d": Cropping1d<1, 2>;
        "depth": DepthwiseConv1d<4, 3, Linear, Same, 2, 1, 2>;
        "separable": SeparableConv1d<4, 5, 3, Elu, Same, 1, 2>;
        "spread": Conv1dTranspose<4, 3, 4, Linear, Same, 2>;
        "spatial_dropout1d": SpatialDropout1d<50>;
        "up_sampling1d": UpSampling1d<3>;
    }
}

/// A normalisation of groups answers what the layer without a type does, which is held against Keras.
#[test]
fn groups() -> Result<(), Error> {
    fn check<const GROUPS: usize, S: Shape>(x: S)
    where
        GroupNorm<4, GROUPS>: Layer<S, Out = S>,
    {
        let dev = Cpu::default();
        let mut norm = GroupNorm::<4, GROUPS>::build(&dev).unwrap();
        norm.gamma.copy_from(&[1.0, 2.0, -1.0, 0.5]);
        norm.beta.copy_from(&[0.0, 1.0, -3.0, 0.5]);
        let mut dynamic = layer_from_config(&norm.config(), &CustomObjects::new()).unwrap();
        let values = (0..x.num_elements()).map(|i| (i * i % 17) as f32 - 4.0).collect();
        let x: Tensor<S, f32, Cpu> = dev.tensor_from_vec(values, x);
        dynamic.run(x.clone()).unwrap();
        dynamic.set_weights([norm.gamma.as_vec(), norm.beta.as_vec()]).unwrap();
        let (found, expected) = (norm.call(x.clone()).unwrap().as_vec(), dynamic.run(x).unwrap());
        for (a, b) in found.iter().zip(expected.values()) {
            assert!((a - b).abs() <= 1e-6 * b.abs().max(1.0), "{a}, not {b}");
        }
    }
    check::<2, (Batch, Const<4>)>((3, Const));
    check::<1, Steps4>((2, 5, Const));
    check::<2, Steps4>((2, 3, Const));
    check::<4, Images>((2, Const, Const, Const));
    Ok(())
}

/// Sizes that no type calculates with.
#[model(input = (Batch, 2000, 1), output = (Batch, 5992, 1))]
struct Long {
    crop: Cropping1d<2, 1>,
    more: UpSampling1d<3>,
    pad: ZeroPadding1d<0, 1>,
}

#[model(input = (Batch, 2000, 1), output = (Batch, 5999, 4))]
struct Windows {
    spread: Conv1dTranspose<_, 2, 4, Linear, Valid, 3>,
    depth: DepthwiseConv1d<_, 3, Linear, Valid, 1, 1, 2>,
}

#[test]
fn long_sequences() -> Result<(), Error> {
    let x: Vec<f32> = (0..2000).map(|i| i as f32).collect();
    let x = Cpu::default().tensor_from_vec(x, (1, Const::<2000>, Const::<1>));
    let y = Long::build(&Cpu::default())?.forward(x.clone())?.as_vec();
    assert_eq!((y[0], y[2], y[3], y[5990], y[5991]), (2.0, 2.0, 3.0, 1998.0, 0.0));
    assert_eq!(Windows::build(&Cpu::default())?.forward(x)?.as_vec().len(), 5999 * 4);
    // Of a length that is known at run time only.
    let x: Tensor<(usize, usize, Const<1>), f32, Cpu> =
        Cpu::default().tensor_from_vec(vec![1.0; 3], (1, 3, Const));
    let error = Cropping1d::<2, 1>.forward(x).unwrap_err().to_string();
    assert_eq!(error, "the size that is cropped (at least): expected 4, found 3");
    Ok(())
}

/// A channel drops in all real steps or in none, and padding stays; another sample has another fate.
#[test]
fn whole_channels_drop() -> Result<(), Error> {
    let x = Cpu::default().tensor([[[1.0_f32; 8]; 3]; 20]);
    let mask = Mask::from_lengths(&[2; 20], 3)?;
    let (y, _) = SpatialDropout1d::<25>.forward_mut(Masked::new(x, mask)?)?.into_parts();
    let y = y.array();
    assert!(y.iter().all(|[a, b, padding]| a == b && padding == &[1.0; 8]));
    let all: Vec<f32> = y.iter().flat_map(|[a, ..]| *a).collect();
    assert!(all.iter().all(|&v| v == 0.0 || v == 1.0 / 0.75));
    let dropped = all.iter().filter(|&&v| v == 0.0).count();
    assert!((20..60).contains(&dropped), "{dropped} of 160");
    assert!(y.iter().any(|[a, ..]| *a != y[0][0]));
    Ok(())
}

/// What a layer of noise makes of ones in the training pass: 20 samples of 3 steps, of which the last is padding.
fn noisy<L>(mut layer: L) -> Result<Vec<f32>, Error>
where
    L: Layer<Masked<(Batch, Const<3>, Const<500>)>, Out = Masked<(Batch, Const<3>, Const<500>)>>
        + Configured<Element = f32, Device = Cpu>
        + Build
        + Parameters,
{
    let ones = || -> Result<_, Error> {
        let dev = Cpu::seed_from_u64(7);
        let x = dev.tensor_from_vec(vec![1.0_f32; 20 * 3 * 500], (20, Const::<3>, Const::<500>));
        Masked::new(x, Mask::from_lengths(&[2; 20], 3)?)
    };
    let (same, _) = layer.call(ones()?)?.into_parts();
    assert!(same.as_vec().iter().all(|&v| v == 1.0));
    let (y, mask) = layer.call_mut(ones()?)?.into_parts();
    assert_eq!(mask.count(), 40);
    // So does a layer of its config.
    let (again, _) = L::from_config(&layer.config())?.call_mut(ones()?)?.into_parts();
    let y = y.as_vec();
    assert_eq!(again.as_vec(), y);
    let mut real = Vec::new();
    for sample in y.chunks(1500) {
        assert!(sample[1000..].iter().all(|&v| v == 1.0), "padding stays");
        assert_ne!(sample[..500], sample[500..1000]);
        real.extend_from_slice(&sample[..1000]);
    }
    assert_ne!(y[..1000], y[1500..2500]);
    Ok(real)
}

fn moments(values: &[f32]) -> (f64, f64) {
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64;
    let square = |&v: &f32| (f64::from(v) - mean).powi(2);
    (mean, (values.iter().map(square).sum::<f64>() / values.len() as f64).sqrt())
}

#[test]
fn noise_has_the_moments_of_keras() -> Result<(), Error> {
    let close = |(mean, deviation): (f64, f64), expected: [f64; 2]| {
        assert!((mean - expected[0]).abs() < 0.02, "a mean of {mean}, not {expected:?}");
        assert!(
            (deviation - expected[1]).abs() < 0.02,
            "a deviation of {deviation}, not {expected:?}"
        );
    };
    close(moments(&noisy(GaussianNoise { stddev: 0.25 })?), [1.0, 0.25]);
    // The variance of a dropout of the rate: 0.2 / 0.8.
    close(moments(&noisy(GaussianDropout::<20>)?), [1.0, 0.5]);
    // What drops is a selu far below 0, and then `a * x + b` has mean 0 and variance 1 where `x` has.
    let low = -1.758_099_340_847_161_6_f64;
    let a = (0.75 * (1.0 + 0.25 * low * low)).powf(-0.5);
    let [kept, dropped] = [1.0, low].map(|v| (a * v - a * low * 0.25) as f32);
    let values = noisy(AlphaDropout::<25>)?;
    assert!(values.iter().all(|&v| (v - kept).abs() < 1e-6 || (v - dropped).abs() < 1e-6));
    let share = values.iter().filter(|&&v| (v - dropped).abs() < 1e-6).count() as f64 / 20_000.0;
    assert!((share - 0.25).abs() < 0.02, "{share}");
    Ok(())
}

#[test]
fn noise_that_cannot_be() -> Result<(), Error> {
    for stddev in [-0.5, f64::NAN, f64::INFINITY, 1e300] {
        let x = Cpu::default().tensor([[1.0_f32]]);
        let error = GaussianNoise { stddev }.forward_mut(x.clone()).unwrap_err().to_string();
        assert!(error.contains("stddev"), "{error}");
        assert_eq!(GaussianNoise { stddev }.forward(x).unwrap_err().to_string(), error);
    }
    // Without noise, and without rows.
    let x = Cpu::default().tensor([[1.0_f32, f32::NAN]]);
    let y = AlphaDropout::<0>.forward_mut(GaussianDropout::<0>.forward_mut(x)?)?.as_vec();
    assert!(y[0] == 1.0 && y[1].is_nan());
    let none: Tensor<(Batch, Const<2>), f32, Cpu> =
        Cpu::default().tensor_from_vec(vec![], (0, Const));
    assert_eq!(GaussianNoise { stddev: 1.0 }.forward_mut(none)?.shape().0, 0);
    Ok(())
}

/// Rows of length 1 are those of the dynamic layer, whatever is in them.
#[test]
fn rows_of_length_one() -> Result<(), Error> {
    let values = [3.0_f32, 4.0, 0.0, 0.0, 3e20, 4e20, 3e-19, 4e-19, f32::NAN, 1.0, 1e-20, 0.0];
    let x: Tensor<(Batch, Const<3>, Const<2>), f32, Cpu> =
        Cpu::default().tensor_from_vec(values.to_vec(), (2, Const, Const));
    let mut dynamic = layer_from_config(&UnitNorm.config(), &CustomObjects::new())?;
    let expected = dynamic.run(x.clone())?;
    let found = UnitNorm.forward(x)?.as_vec();
    for (i, (a, b)) in found.iter().zip(expected.values()).enumerate() {
        assert!((a - b).abs() <= 1e-6 || a.is_nan() && b.is_nan(), "{i}: {a}, not {b}");
    }
    assert_eq!(found[..4], [0.6, 0.8, 0.0, 0.0]);
    Ok(())
}
