//! Options and rules of a layer, said of the one around it: `#[with(use_bias = false)]` on a `TimeDistributed<Dense<..>>`.

#![allow(missing_docs)]

use kerata::{
    Batch, Bidirectional, Cpu, Dense, Error, Gru, Inputs, Length, Lstm, Masking, ReturnState,
    Sequences, Shared, Subtract, Sum, Tensor, TimeDistributed, build_with,
    config::{ActivationFunction, Config, DynamicLayer, Initializer},
    keras::rust_source,
    layer,
    layers::Inner,
    model,
    model::Model,
    optim,
    parameters::{Build, Parameter, Parameters, Visitor},
    prelude::*,
    shape::Const,
    tensor::Tape,
};
use serde_json::Value;

#[model(input = (Batch, Length, 3), output = (Batch, Length, 2))]
struct Net {
    #[with(
        activation = Relu,
        recurrent_activation = hard_sigmoid,
        use_bias = false,
        dropout = 0.5,
        kernel_regularizer = L2(0.1),
        recurrent_constraint = UnitNorm::default(),
    )]
    both: Bidirectional<Lstm<_, 4, Sequences>>,
    #[with(use_bias = false, kernel_initializer = Initializer::ONES, kernel_regularizer = L2(0.2))]
    head: TimeDistributed<Dense<_, 2>>,
}

/// The same without options.
#[model(input = (Batch, Length, 3), output = (Batch, Length, 2))]
struct Plain {
    both: Bidirectional<Lstm<_, 4, Sequences>>,
    head: TimeDistributed<Dense<_, 2>>,
}

fn input() -> Tensor<(usize, usize, Const<3>), f32, Cpu> {
    let values = (0..30).map(|i| (i as f32 * 0.7).sin()).collect();
    Cpu::default().tensor_from_vec(values, (2, 5, Const))
}

#[test]
fn both_directions_have_the_options() -> Result<(), Error> {
    let mut net = Net::build(&Cpu::seed_from_u64(3))?;
    let mut plain = Plain::build(&Cpu::seed_from_u64(3))?;
    for (layer, with) in [
        (&mut plain.both.forward, &net.both.forward),
        (&mut plain.both.backward, &net.both.backward),
    ] {
        layer.kernel = with.kernel.clone();
        layer.recurrent_kernel = with.recurrent_kernel.clone();
        layer.activation = ActivationFunction::named("relu").unwrap();
        layer.recurrent_activation = ActivationFunction::named("hard_sigmoid").unwrap();
        layer.use_bias = false;
        layer.dropout = 0.5;
    }
    plain.head.layer.kernel = Cpu::default().tensor([[1.0; 2]; 8]);
    plain.head.layer.use_bias = false;
    let (found, expected) = (net.forward(input())?, plain.forward(input())?);
    assert_eq!(found.as_vec(), expected.as_vec());
    assert!(found.as_vec().iter().any(|y| y.abs() > 1e-3));
    // Something drops, so that the numbers are others.
    assert_ne!(net.forward_mut(input())?.as_vec(), found.as_vec());
    assert!(net.both.backward.go_backwards && !net.both.forward.go_backwards);
    // A layer within is filled, too.
    assert_eq!(net.head.layer.kernel.as_vec(), [1.0; 16]);
    Ok(())
}

#[test]
fn the_weights_are_counted() -> Result<(), Error> {
    let (lstms, dense) = (2 * (3 + 4) * 16, 8 * 2);
    assert_eq!((Net::PARAMS, Net::TRAINABLE), (lstms + dense, lstms + dense));
    let net = Net::build(&Cpu::default())?;
    let of = |list: Vec<kerata::parameters::Named>| {
        list.iter().map(|one| one.shape.iter().product::<usize>()).sum::<usize>()
    };
    assert_eq!(of(net.parameters()), Net::PARAMS);
    let rows: Vec<usize> = Net::summary().rows.iter().map(|row| row.params).collect();
    assert!(rows.contains(&lstms) && rows.contains(&dense), "{rows:?}");
    assert_eq!(rows.iter().sum::<usize>(), Net::PARAMS);
    // Without the options there are as many as before.
    assert_eq!(Plain::PARAMS, lstms + dense + 2 * 16 + 2);
    Ok(())
}

#[test]
fn rules_are_those_of_the_weights_within() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(1))?;
    let squares = |values: Vec<f32>| values.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>();
    let both = [&net.both.forward, &net.both.backward];
    let lstms: f64 = both.iter().map(|lstm| squares(lstm.kernel.as_vec())).sum();
    let expected = 0.1 * lstms + 0.2 * squares(net.head.layer.kernel.as_vec());
    let found = optim::penalty(&net)?;
    assert!((found - expected).abs() < 1e-4, "{found} for {expected}");
    Ok(())
}

#[test]
fn the_json_says_them_of_the_layers_within() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(1))?;
    let json = net.to_json();
    let whole: Value = serde_json::from_str(&json).unwrap();
    let layers = whole["config"]["layers"].as_array().unwrap();
    let of = |class: &str, inside: &str| {
        let layer = layers.iter().find(|layer| layer["class_name"] == class).unwrap();
        layer["config"][inside]["config"].clone()
    };
    for inside in ["layer", "backward_layer"] {
        let lstm = of("Bidirectional", inside);
        assert_eq!(lstm["activation"], "relu", "{inside}");
        assert_eq!(lstm["use_bias"], false, "{inside}");
        assert_eq!(lstm["dropout"], 0.5, "{inside}");
        assert_eq!(lstm["kernel_regularizer"]["config"]["l2"], 0.1, "{inside}");
        assert_eq!(lstm["recurrent_constraint"]["class_name"], "UnitNorm", "{inside}");
        assert_eq!(lstm["go_backwards"], inside == "backward_layer");
    }
    let dense = of("TimeDistributed", "layer");
    assert_eq!(dense["use_bias"], false);
    assert_eq!(dense["kernel_regularizer"]["config"]["l2"], 0.2);

    // And in again.
    let back = Net::from_json(&json)?;
    assert!(!back.both.backward.use_bias && !back.head.layer.use_bias);
    assert_eq!(DynamicLayer::from_layer(&net)?.params(), Net::PARAMS);
    let other = json.replace("\"l2\":0.1", "\"l2\":0.3");
    assert!(Net::from_json(&other).unwrap_err().to_string().contains("kernel_regularizer"));
    Ok(())
}

/// As `rust_source` writes it for Keras's config.
#[model(input = (Batch, 5, 3))]
struct OfKeras {
    masking: Masking,
    #[with(activation = relu, recurrent_activation = hard_sigmoid, dropout = 0.5, use_bias = false)]
    both: Bidirectional<Lstm<_, 4, Sequences>>,
    #[with(use_bias = false)]
    head: TimeDistributed<Dense<_, 2>>,
}

/// Sets the weights as the script does.
struct Sines(f32);

impl Visitor<f32, Cpu> for Sines {
    fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
        self.0 += 1.0;
        let n = parameter.tensor.len();
        let values: Vec<f32> =
            (0..n).map(|i| (0.8 * (i as f64 * 0.7 + f64::from(self.0)).sin()) as f32).collect();
        parameter.tensor.assign(&values)?;
        Ok(())
    }
}

#[test]
fn keras_calculates_the_same() -> Result<(), Error> {
    let case: Value =
        serde_json::from_str(include_str!("cases/keras-3.15.1-around/case.json")).unwrap();
    let numbers = |key: &str| -> Vec<f32> {
        case[key].as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect()
    };
    // A type of a file has no regularizers.
    let mut whole = case["json"].clone();
    for inside in ["layer", "backward_layer"] {
        let layers = whole["config"]["layers"].as_array_mut().unwrap();
        let both = layers.iter_mut().find(|layer| layer["class_name"] == "Bidirectional").unwrap();
        let lstm = &mut both["config"][inside]["config"];
        lstm["kernel_regularizer"] = Value::Null;
        lstm["recurrent_constraint"] = Value::Null;
    }
    let json = whole.to_string();
    let source = rust_source(&json.parse::<Config>()?, "OfKeras")?.replace("pub ", "");
    let source = source.split_once("struct").unwrap().1;
    assert!(include_str!("options_around.rs").contains(source), "{source}");

    let mut model = OfKeras::from_json(&json)?;
    model.visit(&mut Sines(0.0))?;
    let x = Cpu::default().tensor_from_vec(numbers("x"), (2, Const, Const));
    let y = model.forward(x)?.values().as_vec();
    let expected = numbers("output");
    assert_eq!(y.len(), expected.len());
    for (found, expected) in y.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-5, "{found} for {expected}");
    }
    assert!(expected.iter().any(|y| y.abs() > 0.1));
    Ok(())
}

#[model(input = Inputs<((Batch, Length, 3), (Batch, Length, 3))>, output = (Batch, 4))]
struct Deeper {
    #[with(use_bias = false, stateful = true)]
    #[from(input.0)]
    encoder: ReturnState<Bidirectional<Gru<_, 4>, Sum>>,
    #[with(use_bias = false)]
    #[from(encoder.output, encoder.output)]
    shared: Shared<Dense<_, 4>>,
    #[from(shared)]
    difference: Subtract,
}

#[test]
fn layers_around_layers_around_layers() -> Result<(), Error> {
    assert_eq!(Deeper::PARAMS, 2 * (3 + 4) * 12 + 16);
    let net = Deeper::build(&Cpu::default())?;
    let both = [&net.encoder.layer.forward, &net.encoder.layer.backward];
    assert!(both.iter().all(|gru| gru.stateful && !gru.use_bias));
    assert!(!net.shared.layer.use_bias);
    Ok(())
}

#[test]
fn outside_of_a_model() -> Result<(), Error> {
    let dev = Cpu::default();
    let both = build_with!(Bidirectional<Lstm<3, 2>>, &dev, dropout = 0.25, use_bias = false)?;
    assert_eq!([both.forward.dropout, both.backward.dropout], [0.25; 2]);
    let error = build_with!(Bidirectional<Lstm<3, 2>>, &dev, dropout = 1.5).unwrap_err();
    assert!(error.to_string().contains("dropout"), "{error}");
    let steps = build_with!(TimeDistributed<Dense<3, 2>>, &dev, use_bias = false)?;
    assert_eq!(steps.forward(input())?.as_vec().len(), 20);
    Ok(())
}

/// A layer of one's own around another.
#[layer]
#[derive(Default)]
struct Residual<L> {
    #[inner(options)]
    layer: Inner<L>,
}

impl<const N: usize, L> Layer<(usize, Const<N>)> for Residual<L>
where
    L: Layer<(usize, Const<N>), Out = (usize, Const<N>)>,
{
    type Out = (usize, Const<N>);

    fn call<T: Tape<f32, Cpu>>(
        &self,
        x: Tensor<(usize, Const<N>), f32, Cpu, T>,
    ) -> Result<Tensor<(usize, Const<N>), f32, Cpu, T>, Error> {
        Ok(self.layer.call(x.retaped::<T>())? + x)
    }
}

#[model(input = (Batch, 4))]
struct Own {
    #[with(use_bias = false)]
    first: Residual<Dense<4, 4>>,
    second: Residual<Dense<4, 4>>,
}

#[test]
fn a_layer_of_ones_own_around_another() -> Result<(), Error> {
    assert_eq!(Own::PARAMS, 16 + 20);
    let mut own = Own::build(&Cpu::default())?;
    assert!(!own.first.layer.get_mut().use_bias && own.second.layer.get_mut().use_bias);
    Ok(())
}
