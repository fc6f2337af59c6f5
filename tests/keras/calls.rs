//! Recurrent and other layers that Keras called one by one: with states given, returned and kept.

use kerata::{
    Bidirectional, Cpu, Error, Gru, Lstm, Mask, Sequences, SimpleRnn, Tensor,
    backend::{GateDropout, LstmState, RecurrentInputs, StepOrder},
    config::{DynamicLayer, DynamicValue},
    io::WeightFile,
    layers::Recurrent,
    parameters::{Build, Parameters},
    prelude::*,
    shape::{Const, HasShape},
};
use serde_json::Value;

use crate::{
    case::Case,
    from_json::layer,
    harness::{Test, tests},
    reasons::SOFTMAX_MASK,
    report::Report,
};

type Steps<const F: usize> = Tensor<(usize, usize, Const<F>), f32, Cpu>;

fn floats<const A: usize>(case: &Case, tensor: &str) -> Tensor<(usize, Const<A>), f32, Cpu> {
    let [rows, _] = case.shape(tensor) else { panic!("{tensor} has another rank") };
    Cpu::default().tensor_from_vec(case.floats(tensor), (*rows, Const))
}

fn calls(case: &Case) -> &[Value] {
    case.json["calls"].as_array().unwrap()
}

/// The names of the outputs of a call.
fn outputs(call: &Value) -> Vec<&str> {
    let outputs = call["outputs"].as_array().unwrap().iter();
    outputs.map(|output| output["output"].as_str().unwrap()).collect()
}

fn input<const F: usize>(case: &Case, call: &Value) -> (Steps<F>, Option<Mask>) {
    let input = call["input"].as_str().unwrap();
    let &[batch, length, _] = case.shape(input) else { panic!("{input} has another rank") };
    let x = Cpu::default().tensor_from_vec(case.floats(input), (batch, length, Const));
    (x, mask(case, call))
}

fn mask(case: &Case, call: &Value) -> Option<Mask> {
    let mask = call["mask"].as_str()?;
    let &[batch, length] = case.shape(mask) else { panic!("{mask} has another rank") };
    Some(Mask::from_bools(case.flags(mask), batch, length).unwrap())
}

type States = Vec<Tensor<(usize, Const<3>), f32, Cpu>>;

/// A layer of three units that takes and gives its states.
trait WithStates: Build + Parameters {
    fn run(&self, x: Steps<3>, mask: Option<&Mask>, initial: Option<States>) -> (Steps<3>, States);
    fn one_step(&self, x: Tensor<(usize, Const<3>), f32, Cpu>, states: States) -> States;
}

impl WithStates for Lstm<3, 3, Sequences> {
    fn run(&self, x: Steps<3>, mask: Option<&Mask>, initial: Option<States>) -> (Steps<3>, States) {
        let initial =
            initial.map(|states| LstmState { h: states[0].clone(), c: states[1].clone() });
        let (y, state) = self.forward_with_state(x, mask, initial).unwrap();
        (y, vec![state.h, state.c])
    }

    fn one_step(&self, x: Tensor<(usize, Const<3>), f32, Cpu>, states: States) -> States {
        let state = LstmState { h: states[0].clone(), c: states[1].clone() };
        let state = self.step(x, state).unwrap();
        vec![state.h, state.c]
    }
}

macro_rules! with_one_state {
    ($layer:ident) => {
        impl WithStates for $layer<3, 3, Sequences> {
            fn run(
                &self,
                x: Steps<3>,
                mask: Option<&Mask>,
                initial: Option<States>,
            ) -> (Steps<3>, States) {
                let initial = initial.map(|states| states[0].clone());
                let (y, state) = self.forward_with_state(x, mask, initial).unwrap();
                (y, vec![state])
            }

            fn one_step(&self, x: Tensor<(usize, Const<3>), f32, Cpu>, states: States) -> States {
                vec![self.step(x, states[0].clone()).unwrap()]
            }
        }
    };
}
with_one_state!(Gru);
with_one_state!(SimpleRnn);

fn loaded<L: WithStates>(case: &Case) -> L {
    let mut layer = (L::build(&Cpu::default()).unwrap(),);
    case.load(&mut layer);
    layer.0
}

/// All calls of a case: outputs and final states; and the same step by step, where no mask is given.
fn states<L: WithStates>(case: &Case, report: &mut Report) {
    let (dev, layer) = (Cpu::default(), loaded::<L>(case));
    let returns_sequences = case.json["layer"]["config"]["return_sequences"].as_bool().unwrap();
    for call in calls(case) {
        let (x, mask) = input::<3>(case, call);
        let &(batch, length, _) = x.shape();
        let initial = call["initial_state"].as_array().map(|names| {
            names.iter().map(|name| floats::<3>(case, name.as_str().unwrap())).collect::<States>()
        });
        let (found, last) = layer.run(x.clone(), mask.as_ref(), initial.clone());
        let names = outputs(call);
        assert_eq!(names.len(), 1 + last.len());
        let found = found.as_vec();
        if returns_sequences {
            case.assert_tensor("forward", names[0], &found);
        } else {
            let last = found.chunks(length * 3).flat_map(|row| row[(length - 1) * 3..].to_vec());
            case.assert_tensor("forward", names[0], &last.collect::<Vec<_>>());
        }
        let compare = |states: &States| {
            for (name, state) in names[1..].iter().zip(states) {
                case.assert_tensor("forward", name, &state.as_vec());
            }
        };
        compare(&last);
        if mask.is_none() {
            let zeros = || dev.tensor_from_vec(vec![0.0; batch * 3], (batch, Const::<3>));
            let mut states = initial.unwrap_or_else(|| last.iter().map(|_| zeros()).collect());
            let values = x.as_vec();
            for step in 0..length {
                let rows = values.chunks(length * 3).flat_map(|row| row[step * 3..][..3].to_vec());
                let x = dev.tensor_from_vec(rows.collect(), (batch, Const::<3>));
                states = layer.one_step(x, states);
            }
            compare(&states);
        }
        names.into_iter().for_each(|name| report.typed(name));
    }
}

/// Keras's `stateful=True`: the state of a call enters the next, until it is reset. A layer from a config keeps it itself.
fn kept_by_hand<L: WithStates>(case: &Case, report: &mut Report) {
    let layer = loaded::<L>(case);
    let mut dynamic = from_config(case).unwrap();
    let mut states = None;
    for call in calls(case) {
        if call["reset_state_before"] == true {
            states = None;
            dynamic.reset_states();
        }
        compare_call(case, call, &mut dynamic, report);
        let (x, mask) = input::<3>(case, call);
        let (found, last) = layer.run(x, mask.as_ref(), states);
        let name = outputs(call)[0];
        case.assert_tensor("forward", name, &found.as_vec());
        report.typed(name);
        states = Some(last);
    }
}

/// The layer of the case as its config says it, with its weights.
fn from_config(case: &Case) -> Result<DynamicLayer, Error> {
    let config = case.json["layer"].clone();
    let mut layer = layer(config)?;
    let weights = WeightFile::from_bytes(case.read("tensors.safetensors"))?;
    // `0.gru.kernel` is `kernel`, `0.bidirectional.forward.kernel` is `forward.kernel`.
    layer.load(weights.rename(|name| {
        let (_, name) = name.strip_prefix("0.")?.split_once('.')?;
        Some(name.to_owned())
    }))?;
    Ok(layer)
}

/// Runs a call of a layer from its config, and compares all that it gives.
fn call_from_config(case: &Case, call: &Value, report: &mut Report) {
    compare_call(case, call, &mut from_config(case).unwrap(), report);
}

/// The same for a layer that is there, with the states that the call is given.
fn compare_call(case: &Case, call: &Value, layer: &mut DynamicLayer, report: &mut Report) {
    let value = |name: &str| DynamicValue::numbers(case.shape(name), case.floats(name)).unwrap();
    let mut x = value(call["input"].as_str().unwrap());
    if let Some(mask) = mask(case, call) {
        x = x.with_mask(mask).unwrap();
    }
    let states = call["initial_state"].as_array().into_iter().flatten();
    let states = states.map(|name| value(name.as_str().unwrap()));
    let all: Vec<DynamicValue> = [x].into_iter().chain(states).collect();
    let found = layer.run(DynamicValue::several(all)).unwrap();
    assert_eq!(found.parts().len(), outputs(call).len(), "{}", case.name);
    for (name, found) in outputs(call).iter().zip(found.parts()) {
        case.assert_tensor("forward", name, found.values());
        report.dynamic(*name);
    }
}

/// Layers that return their states.
fn returned_states(case: &Case, report: &mut Report) {
    for call in calls(case) {
        call_from_config(case, call, report);
    }
}

fn bidirectional_call_nomask(case: &Case, report: &mut Report) {
    let mut layer = (Bidirectional::<Lstm<3, 3, Sequences>>::build(&Cpu::default()).unwrap(),);
    case.load(&mut layer);
    for call in calls(case) {
        call_from_config(case, call, report);
        let found = layer.0.forward(input::<3>(case, call).0).unwrap();
        case.assert_tensor("forward", outputs(call)[0], &found.as_vec());
        report.typed(outputs(call)[0]);
    }
}

/// The training pass, where what drops is given.
fn given_dropout<L: WithStates + Recurrent<f32, Cpu>>(case: &Case, report: &mut Report) {
    let layer = loaded::<L>(case);
    for call in calls(case) {
        let (x, mask) = input::<3>(case, call);
        let (batch, length, features) = (x.shape().0, x.shape().1, x.shape().2.size());
        let scale = call["dropout_scale"].as_str().unwrap();
        let scale = Cpu::default().tensor_from_vec(case.floats(scale), (batch, features));
        let inputs = RecurrentInputs {
            x: Cpu::default().tensor_from_vec(x.as_vec(), (batch, length, features)),
            mask: mask.as_ref(),
            initial: None,
            order: StepOrder::default(),
            dropout: GateDropout { inputs: vec![scale], states: Vec::new() },
        };
        let (y, _) = layer.outputs(inputs).unwrap();
        case.assert_tensor("forward", outputs(call)[0], &y.as_vec());
        report.typed(outputs(call)[0]);
    }
}

fn softmax_layer_mask_call(case: &Case, report: &mut Report) {
    for call in calls(case) {
        report.skipped(outputs(call)[0], &SOFTMAX_MASK);
    }
}

pub(crate) fn tests() -> Vec<Test> {
    let mut all = tests![bidirectional_call_nomask, softmax_layer_mask_call];
    let mut add = |test: fn(&Case, &mut Report), names: &[&'static str]| {
        all.extend(names.iter().map(|&name| Test::new(name, name, test)));
    };
    add(
        states::<Lstm<3, 3, Sequences>>,
        &[
            "rnn_call_lstm_initial_state",
            "rnn_call_lstm_return_state_seq",
            "rnn_call_lstm_return_state_last",
        ],
    );
    add(
        states::<Gru<3, 3, Sequences>>,
        &[
            "rnn_call_gru_initial_state",
            "rnn_call_gru_return_state_last",
            "rnn_call_gru_return_state_seq",
        ],
    );
    add(
        states::<SimpleRnn<3, 3, Sequences>>,
        &[
            "rnn_call_simplernn_initial_state",
            "rnn_call_simplernn_return_state_last",
            "rnn_call_simplernn_return_state_seq",
        ],
    );
    add(kept_by_hand::<Lstm<3, 3, Sequences>>, &["rnn_call_lstm_stateful"]);
    add(kept_by_hand::<Gru<3, 3, Sequences>>, &["rnn_call_gru_stateful"]);
    add(kept_by_hand::<SimpleRnn<3, 3, Sequences>>, &["rnn_call_simplernn_stateful"]);
    add(returned_states, &["bidirectional_call_return_state"]);
    add(given_dropout::<Gru<3, 3, Sequences>>, &["rnn_call_gru_dropout_given_masks"]);
    add(given_dropout::<Lstm<3, 3, Sequences>>, &["rnn_call_lstm_dropout_given_masks"]);
    add(given_dropout::<SimpleRnn<3, 3, Sequences>>, &["rnn_call_simplernn_dropout_given_masks"]);
    all
}
