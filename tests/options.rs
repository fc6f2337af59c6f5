//! Weights that a layer has or has not, as an option says: `use_bias`, `center` and `scale`, with Keras's numbers.

#![allow(missing_docs)]

use kerata::{
    Batch, BatchNorm, Cpu, Dense, Error, Gru, LayerNorm, Lstm, Mask, Masked, ResetBefore,
    Sequences, SimpleRnn, Tensor, build_with,
    config::{Configured, DynamicLayer},
    model,
    model::Model,
    parameters::{Parameter, Parameters, Visitor},
    prelude::*,
    shape::Const,
};

/// Sines, as the script has them that Keras was asked with.
fn sines(n: usize, start: f32) -> Vec<f32> {
    (0..n).map(|i| (i as f32 * 0.7 + start).sin() * 0.5).collect()
}

/// Sets the weights that there are, in Keras's order.
struct Set {
    positive: bool,
    number: usize,
}

impl Visitor<f32, Cpu> for Set {
    fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
        self.number += 1;
        let mut values = sines(parameter.tensor.len(), self.number as f32);
        if self.positive {
            values.iter_mut().for_each(|value| *value = value.abs());
        }
        parameter.tensor.assign(&values)?;
        Ok(())
    }
}

fn with_sines<L: Parameters>(mut layer: L, positive: bool) -> Result<L, Error> {
    layer.visit(&mut Set { positive, number: 0 })?;
    Ok(layer)
}

fn close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
    }
}

fn steps() -> Result<Masked<Tensor<(usize, Const<3>, Const<2>), f32, Cpu>>, Error> {
    let x = Cpu::default().tensor_from_vec(sines(6, 0.3), (1, Const, Const));
    Masked::new(x, Mask::from_bools([true, false, true], 1, 3)?)
}

#[test]
fn recurrent_layers_without_a_bias() -> Result<(), Error> {
    let dev = Cpu::default();
    let lstm = with_sines(build_with!(Lstm<2, 2>, &dev, use_bias = false)?, false)?;
    close(&lstm.forward(steps()?)?.as_vec(), &[-0.001_315_161_6, -0.000_767_293_1]);
    let gru = with_sines(build_with!(Gru<2, 2>, &dev, use_bias = false)?, false)?;
    close(&gru.forward(steps()?)?.as_vec(), &[-0.032_149_71, -0.042_829_897]);
    type Before = Gru<2, 2, kerata::LastState, ResetBefore>;
    let gru = with_sines(build_with!(Before, &dev, use_bias = false)?, false)?;
    close(&gru.forward(steps()?)?.as_vec(), &[-0.032_236_896, -0.043_233_585]);
    let simple = with_sines(build_with!(SimpleRnn<2, 2>, &dev, use_bias = false)?, false)?;
    close(&simple.forward(steps()?)?.as_vec(), &[-0.013_431_285, 0.013_520_271]);
    Ok(())
}

#[test]
fn a_dense_layer_without_a_bias() -> Result<(), Error> {
    let dev = Cpu::default();
    let mut dense = with_sines(build_with!(Dense<2, 2>, &dev, use_bias = false)?, false)?;
    let x = dev.tensor_from_vec(sines(2, 0.3), (1, Const::<2>));
    close(&dense.forward(x.clone())?.as_vec(), &[0.204_263_58, 0.082_011_476]);
    // What stands in the field does not count.
    dense.bias = dev.tensor([5.0, 5.0]);
    close(&dense.forward(x)?.as_vec(), &[0.204_263_58, 0.082_011_476]);
    Ok(())
}

#[test]
fn normalisation_without_factor_or_shift() -> Result<(), Error> {
    let dev = Cpu::default();
    let row = dev.tensor_from_vec(sines(2, 0.3), (1, Const::<2>));
    let layer = build_with!(LayerNorm<2>, &dev, center = false, scale = false, epsilon = 0.1)?;
    close(&layer.forward(row.clone())?.as_vec(), &[-0.396_276_4, 0.396_276_47]);
    let layer = with_sines(build_with!(LayerNorm<2>, &dev, center = false)?, false)?;
    close(&layer.forward(row)?.as_vec(), &[-0.409_878_1, 0.483_037_1]);

    let rows = || dev.tensor_from_vec(sines(6, 0.3), (3, Const::<2>));
    let batch = with_sines(build_with!(BatchNorm<2>, &dev, scale = false)?, true)?;
    let expected =
        [-0.726_481_5, 0.897_338_3, 0.574_689_27, 0.736_375_9, -1.201_122_4, -0.511_820_55];
    close(&batch.forward(rows())?.as_vec(), &expected);
    let batch = with_sines(build_with!(BatchNorm<2>, &dev, center = false)?, true)?;
    let expected =
        [-0.482_674_93, 0.199_079_66, 0.064_773_8, 0.119_269_28, -0.682_373_2, -0.499_627_02];
    close(&batch.forward(rows())?.as_vec(), &expected);

    let error = build_with!(LayerNorm<2>, &dev, epsilon = f64::NAN)?.forward(rows()).unwrap_err();
    assert!(error.to_string().contains("epsilon"), "{error}");
    Ok(())
}

#[model(input = (Batch, 5, 3), output = (Batch, 2))]
struct Bare {
    #[with(use_bias = false)]
    first: Gru<_, 4, Sequences>,
    #[with(use_bias = false, go_backwards = true)]
    second: Lstm<_, 4>,
    #[with(center = false)]
    norm: LayerNorm<_>,
    #[with(scale = false, trainable = false)]
    batch: BatchNorm<_>,
    #[with(use_bias = true)]
    head: Dense<_, 2>,
}

#[test]
fn a_model_counts_the_weights_that_there_are() -> Result<(), Error> {
    let net = Bare::build(&Cpu::seed_from_u64(0))?;
    let parameters = net.parameters();
    let numbers = |trained: bool| {
        let of = parameters.iter().filter(|parameter| parameter.trainable || !trained);
        of.map(|parameter| parameter.shape.iter().product::<usize>()).sum::<usize>()
    };
    let expected = (3 + 4) * 12 + (4 + 4) * 16 + 4 + 3 * 4 + 10;
    assert_eq!((Bare::PARAMS, Bare::TRAINABLE), (expected, expected - 3 * 4));
    assert_eq!((numbers(false), numbers(true)), (Bare::PARAMS, Bare::TRAINABLE));
    let summary = Bare::summary();
    let counted: usize = summary.rows.iter().map(|row| row.params).sum();
    assert_eq!(counted, Bare::PARAMS);

    // The config says so, and a layer from it has as many.
    let json = net.to_json();
    assert_eq!(json.matches("\"use_bias\":false").count(), 2, "{json}");
    net.check_json(&json)?;
    let named = |name| parameters.iter().any(|parameter| parameter.name == name);
    assert!(!named("first.bias") && !named("norm.beta") && named("head.bias"));
    let dynamic = DynamicLayer::from_layer(&net.second)?;
    assert_eq!(dynamic.params(), (4 + 4) * 16);
    let back: Lstm<4, 4> = dynamic.try_into()?;
    assert!(!back.use_bias && back.go_backwards);
    let error = Lstm::<3, 4>::build(&Cpu::default())?.check_config(&net.second.config());
    assert!(error.unwrap_err().to_string().contains("use_bias"));
    Ok(())
}

#[model(input = (Batch, 400), output = (Batch, 2))]
struct Initialized {
    #[with(kernel_initializer = RandomNormal { stddev: 0.02 }, bias_initializer = Constant(1))]
    first: Dense<_, 50>,
    #[with(kernel_initializer = RandomUniform(-0.5, 0.25), bias_initializer = RandomNormal)]
    second: Dense<_, 400>,
    #[with(kernel_initializer = Orthogonal { gain: 2.0 })]
    third: Dense<_, 400>,
    #[with(kernel_initializer = TruncatedNormal { mean: -1.0, stddev: 0.5 })]
    fourth: Dense<_, 2>,
}

#[test]
fn initializers_have_the_arguments_of_keras() -> Result<(), Error> {
    let net = Initialized::build(&Cpu::seed_from_u64(0))?;
    // The mean, the standard deviation, and the bounds.
    let said = |values: Vec<f32>| {
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f32>();
        let bounds = values
            .iter()
            .fold([f32::MAX, f32::MIN], |[low, high], &value| [low.min(value), high.max(value)]);
        (mean, (squares / values.len() as f32).sqrt(), bounds)
    };
    let near = |found: f32, expected: f32, by: f32| {
        assert!((found - expected).abs() < by, "{found} for {expected}");
    };
    let (mean, deviation, _) = said(net.first.kernel.as_vec());
    near(mean, 0.0, 1e-3);
    near(deviation, 0.02, 1e-3);
    assert_eq!(net.first.bias.as_vec(), [1.0; 50]);
    let (mean, _, bounds) = said(net.second.kernel.as_vec());
    near(mean, -0.125, 0.01);
    near(bounds[0], -0.5, 0.01);
    near(bounds[1], 0.25, 0.01);
    near(said(net.second.bias.as_vec()).1, 0.05, 0.01);
    let column: f32 = net.third.kernel.array().iter().map(|row| row[0] * row[0]).sum();
    near(column.sqrt(), 2.0, 1e-4);
    let (mean, _, bounds) = said(net.fourth.kernel.as_vec());
    near(mean, -1.0, 0.1);
    assert!(bounds[0] >= -2.0 && bounds[1] <= 0.0, "{bounds:?}");
    Ok(())
}
