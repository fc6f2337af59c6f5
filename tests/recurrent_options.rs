//! Activations and dropouts of recurrent layers, with the numbers of Keras 3.15.1.

#![allow(missing_docs)]

use dfdx::{
    prelude::{Backward, SumTo, TryMul},
    tensor::{OwnedTape, PutTape},
};
use kerata::{
    Batch, Cpu, Dense, Error, Gru, Length, Lstm, Mask, Masked, ResetBefore, Sequences, SimpleRnn,
    Tensor,
    backend::{
        Backend, CellKind, Element, GateDropout, RecurrentBias, RecurrentInputs, RecurrentWeights,
        StepFunctions, StepOrder, WeightCache,
    },
    config::{ActivationFunction, Config, Configured, DynamicLayer},
    model,
    model::Sequential,
    parameters::{Parameter, Parameters, Visitor},
    prelude::*,
    shape::{Const, Shape},
};
use serde_json::Value;

const ROWS: usize = 2;
const LENGTH: usize = 4;
const KEEP: [bool; 8] = [true, true, false, true, false, true, true, true];

fn cases() -> Vec<Value> {
    serde_json::from_str(include_str!("cases/keras-3.15.1-recurrent/cases.json")).unwrap()
}

fn numbers(values: &Value) -> Vec<f64> {
    values.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

/// As the script has them that Keras was asked with.
fn sines<E: Element>(n: usize, start: f64) -> Vec<E> {
    (0..n).map(|i| E::of(0.8 * (i as f64 * 0.7 + start).sin())).collect()
}

fn scales<E: Element>(width: usize, start: usize) -> Tensor<(usize, usize), E, Cpu>
where
    Cpu: Backend<E>,
{
    let value = |i: usize| E::of(2.0 * f64::from(u8::from(!(i * 5 + start).is_multiple_of(3))));
    Cpu::default().tensor_from_vec((0..ROWS * width).map(value).collect(), (ROWS, width))
}

fn mask() -> Mask {
    Mask::from_bools(KEEP.to_vec(), ROWS, LENGTH).unwrap()
}

fn tensor<S: Shape, E: Element>(shape: S, start: f64) -> Tensor<S, E, Cpu>
where
    Cpu: Backend<E>,
{
    Cpu::default().tensor_from_vec(sines(shape.num_elements(), start), shape)
}

#[track_caller]
fn close<E: Element>(what: &str, found: &[E], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        let found = found.as_f64();
        let near = 3e-6 * expected.abs().max(1.0);
        assert!((found - expected).abs() < near, "{what}: {found} for {expected}");
    }
}

/// The operation itself, with gradients, and the drops that Keras was given.
fn operation<E: Element>(case: &Value) -> Result<(), Error>
where
    Cpu: Backend<E>,
{
    let (name, config) = (case["name"].as_str().unwrap(), &case["config"]["config"]);
    let function = |key: &str| ActivationFunction::named(config[key].as_str().unwrap()).unwrap();
    let cell = match case["config"]["class_name"].as_str().unwrap() {
        "LSTM" => CellKind::LstmCell,
        "GRU" => CellKind::GruCell { reset_after: config["reset_after"] == true },
        _ => CellKind::SimpleCell,
    };
    let gate = match cell {
        CellKind::SimpleCell => StepFunctions::default().gate,
        _ => function("recurrent_activation"),
    };
    let (kernel, recurrent_kernel) =
        (tensor((3, 2 * cell.gates()), 1.0), tensor((2, 2 * cell.gates()), 2.0));
    let (one, two) = (tensor((2 * cell.gates(),), 3.0), tensor((2, 2 * cell.gates()), 3.0));
    let two_biases = cell == CellKind::GruCell { reset_after: true };
    let cache = WeightCache::default();
    let weights = RecurrentWeights {
        cell,
        kernel: kernel.clone(),
        recurrent_kernel: recurrent_kernel.clone(),
        bias: match two_biases {
            true => RecurrentBias::Two(two.clone()),
            false => RecurrentBias::One(one.clone()),
        },
        functions: StepFunctions { activation: function("activation"), gate },
        cache: &cache,
    };
    let rates = ["dropout", "recurrent_dropout"].map(|key| config[key].as_f64().unwrap());
    let count = if rates[1] > 0.0 { cell.gates() } else { 1 };
    let drops = |rate: f64, width, start| {
        let count = if rate > 0.0 { count } else { 0 };
        (0..count).map(|i| scales(width, start + i)).collect()
    };
    let dropout = GateDropout { inputs: drops(rates[0], 3, 1), states: drops(rates[1], 2, 3) };
    let x: Tensor<_, E, Cpu> = tensor((ROWS, LENGTH, 3), 0.3);
    let taped = x.clone().put_tape(OwnedTape::<E, Cpu>::default());
    let (keep, order) = (mask(), StepOrder::default());
    let given = RecurrentInputs { x: taped, mask: Some(&keep), initial: None, order, dropout };
    let (y, _) = Cpu::recurrent(given, weights)?;
    close(name, &y.as_vec(), &numbers(&case["output"]));
    let loss: Tensor<(), E, Cpu, _> = y.try_mul(tensor((ROWS, LENGTH, 2), 0.9)).unwrap().sum();
    let gradients = loss.backward();
    let expected: Vec<Vec<f64>> =
        case["gradients"].as_array().unwrap().iter().map(numbers).collect();
    close(&format!("{name}, x"), &gradients.get(&x).as_vec(), &expected[0]);
    close(&format!("{name}, kernel"), &gradients.get(&kernel).as_vec(), &expected[1]);
    let of_recurrent = gradients.get(&recurrent_kernel).as_vec();
    close(&format!("{name}, recurrent kernel"), &of_recurrent, &expected[2]);
    let of_bias =
        if two_biases { gradients.get(&two).as_vec() } else { gradients.get(&one).as_vec() };
    close(&format!("{name}, bias"), &of_bias, &expected[3]);
    Ok(())
}

#[test]
fn the_operation_has_the_numbers_of_keras_and_their_gradients() -> Result<(), Error> {
    let cases = cases();
    assert!(cases.len() > 40);
    for case in &cases {
        operation::<f32>(case)?;
        operation::<f64>(case)?;
    }
    Ok(())
}

struct Set(f64);

impl<E: Element, D: Backend<E>> Visitor<E, D> for Set {
    fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
        self.0 += 1.0;
        parameter.tensor.assign(&sines(parameter.tensor.len(), self.0))?;
        Ok(())
    }
}

/// A typed layer of the case: from its config, on whole sequences in both number types, as a dynamic one and back, and
/// step by step.
macro_rules! typed {
    ($case:expr, $layer:ident $(, $more:ty)?) => {{
        type In = Masked<(usize, usize, Const<3>)>;
        let (case, what) = ($case, $case["name"].as_str().unwrap());
        let config: Config = case["config"].to_string().parse()?;
        let expected = numbers(&case["output"]);
        let steps = |dev: &Cpu| dev.tensor_from_vec(sines(24, 0.3), (ROWS, LENGTH, Const::<3>));
        let x = || Masked::new(steps(&Cpu::default()), mask());

        let mut layer = $layer::<3, 2, Sequences $(, $more)?>::from_config(&config)?;
        layer.visit(&mut Set(0.0))?;
        close(what, &layer.forward(x()?)?.into_parts().0.as_vec(), &expected);

        let config = case["config"].to_string().replace("float32", "float64").parse()?;
        let mut double = $layer::<3, 2, Sequences $(, $more)?, f64>::from_config(&config)?;
        double.visit(&mut Set(0.0))?;
        let of_double: Tensor<_, f64, Cpu> = tensor((ROWS, LENGTH, Const::<3>), 0.3);
        let y = double.forward(Masked::new(of_double, mask())?)?;
        close(what, &y.into_parts().0.as_vec(), &expected);

        let mut dynamic = DynamicLayer::from_layer(&layer)?;
        close(what, dynamic.run(x()?)?.values(), &expected);
        let layer: $layer<3, 2, Sequences $(, $more)?> = dynamic.try_into()?;
        let model = Sequential::<In, _>::new((layer,));
        let (mut stream, values) = (model.stream(ROWS)?, steps(&Cpu::default()).as_vec());
        for step in 0..LENGTH {
            let row = |row: usize| -> [f32; 3] {
                values[(row * LENGTH + step) * 3..][..3].try_into().unwrap()
            };
            let keep = [0, 1].map(|row| KEEP[row * LENGTH + step]);
            let (y, _) = stream.step((&[row(0), row(1)], &keep))?;
            for row in 0..ROWS {
                close(what, &y[row], &expected[(row * LENGTH + step) * 2..][..2]);
            }
        }
    }};
}

#[test]
fn typed_layers_have_any_activation() -> Result<(), Error> {
    for case in cases().iter().filter(|case| !case["name"].as_str().unwrap().contains("dropout")) {
        let config = &case["config"];
        match config["class_name"].as_str().unwrap() {
            "LSTM" => typed!(case, Lstm),
            "GRU" if config["config"]["reset_after"] == false => typed!(case, Gru, ResetBefore),
            "GRU" => typed!(case, Gru, kerata::ResetAfter),
            _ => typed!(case, SimpleRnn),
        }
    }
    Ok(())
}

#[model(input = (Batch, Length, 3), output = (Batch, Length, 1))]
struct Options {
    #[with(activation = Relu, recurrent_activation = hard_sigmoid, dropout = 0.2)]
    lstm: Lstm<_, 4, Sequences>,
    #[with(activation = Softsign, recurrent_dropout = 0.1)]
    gru: Gru<_, 4, Sequences>,
    #[with(activation = Relu6, dropout = 0.5, recurrent_dropout = 0.5)]
    simple: SimpleRnn<_, 4, Sequences>,
    head: kerata::TimeDistributed<Dense<_, 1>>,
}

#[test]
fn options_are_set_where_the_model_is_declared() -> Result<(), Error> {
    let net = Options::build(&Cpu::seed_from_u64(0))?;
    assert_eq!(net.lstm.recurrent_activation, ActivationFunction::HARD_SIGMOID);
    assert_eq!((net.lstm.dropout, net.gru.recurrent_dropout), (0.2, 0.1));
    assert_eq!(net.gru.activation.name(), "softsign");
    let json = net.to_json();
    assert!(json.contains(r#""activation":"relu6""#), "{json}");
    net.check_json(&json)?;
    let error = Lstm::<3, 4, Sequences>::build(&Cpu::default())?.check_config(&net.lstm.config());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("activation: the layer says \"tanh\""), "{error}");
    let found = kerata::build_with!(Gru<3, 4>, &Cpu::default(), dropout = 1.5).unwrap_err();
    assert_eq!(found.to_string(), "dropout is 1.5: it must be in 0..=1");
    Ok(())
}

fn sequences() -> Tensor<(usize, usize, Const<3>), f32, Cpu> {
    Cpu::default().tensor_from_vec(sines(8 * 5 * 3, 0.3), (8, 5, Const))
}

#[test]
fn what_drops_is_drawn_once_per_sequence_in_training_only() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let mut rnn = kerata::build_with!(SimpleRnn<1, 64, Sequences>, &dev, dropout = 0.5)?;
    rnn.recurrent_kernel = dev.zeros();
    // Two steps of the same input: what drops of the one drops of the other.
    let x = || Cpu::default().tensor_from_vec(vec![1.0; 40 * 2], (40, 2, Const::<1>));
    let rows = |y: Vec<f32>| y.chunks(64).map(<[f32]>::to_vec).collect::<Vec<_>>();
    let trained = rows(rnn.forward_mut(x())?.as_vec());
    let mut dropped = 0;
    for steps in trained.chunks(2) {
        assert_eq!(steps[0], steps[1]);
        dropped += usize::from(steps[0].iter().all(|&y| y == 0.0));
    }
    assert!((8..32).contains(&dropped), "{dropped} of 40");
    let inference = rows(rnn.forward(x())?.as_vec());
    assert!(inference.iter().flatten().all(|&y| y != 0.0));

    let mut net = Options::build(&dev)?;
    let (a, b) = (net.forward(sequences())?.as_vec(), net.forward(sequences())?.as_vec());
    assert_eq!(a, b);
    assert_ne!(net.forward_mut(sequences())?.as_vec(), a);
    assert_ne!(net.forward_mut(sequences())?.as_vec(), net.forward_mut(sequences())?.as_vec());
    Ok(())
}

/// A layer around one that implements `call` only hands the training pass on, as with a `Dropout`.
#[test]
fn both_directions_and_states_drop_too() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let mut both = kerata::Bidirectional::<Gru<3, 4, Sequences>>::build(&dev)?;
    let mut with_state = kerata::ReturnState::<Lstm<3, 4>>::build(&dev)?;
    both.backward.recurrent_dropout = 0.5;
    with_state.layer.dropout = 0.5;
    let inference = both.forward(sequences())?.as_vec();
    let training = both.forward_mut(sequences())?.as_vec();
    let halves = |y: &[f32], half: usize| -> Vec<f32> {
        y.chunks(8).flat_map(|step| step[half * 4..][..4].to_vec()).collect()
    };
    assert_eq!(halves(&inference, 0), halves(&training, 0));
    assert_ne!(halves(&inference, 1), halves(&training, 1));
    let a = with_state.forward(sequences())?.0.as_vec();
    assert_ne!(with_state.forward_mut(sequences())?.0.as_vec(), a);
    Ok(())
}
