//! Recurrent and other layers that Keras called one by one: with states given, returned and kept.

use kerata::{
    Cpu, Error, Lstm, Mask, Sequences, Tensor,
    backend::LstmState,
    config::{DynamicLayer, DynamicValue},
    io::WeightFile,
    prelude::*,
    shape::{Const, HasShape},
};
use serde_json::Value;

use crate::{
    case::Case,
    from_json::layer,
    harness::{Test, tests},
    reasons::{GIVEN_DROPOUT, RETURN_STATE, SOFTMAX_MASK, STATEFUL},
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

/// All calls of a case: outputs and final states; and the same step by step, where no mask is given.
fn states(case: &Case, report: &mut Report) {
    let dev = Cpu::default();
    let mut layer = (Lstm::<3, 3, Sequences>::build(&dev).unwrap(),);
    case.load(&mut layer);
    let lstm = layer.0;
    let returns_sequences = case.json["layer"]["config"]["return_sequences"].as_bool().unwrap();
    for call in calls(case) {
        let (x, mask) = input::<3>(case, call);
        let &(batch, length, _) = x.shape();
        let initial = call["initial_state"].as_array().map(|names| LstmState {
            h: floats::<3>(case, names[0].as_str().unwrap()),
            c: floats::<3>(case, names[1].as_str().unwrap()),
        });
        let (found, state) =
            lstm.forward_with_state(x.clone(), mask.as_ref(), initial.clone()).unwrap();
        let names = outputs(call);
        let found = found.as_vec();
        if returns_sequences {
            case.assert_tensor("forward", names[0], &found);
        } else {
            let last = found.chunks(length * 3).flat_map(|row| row[(length - 1) * 3..].to_vec());
            case.assert_tensor("forward", names[0], &last.collect::<Vec<_>>());
        }
        case.assert_tensor("forward", names[1], &state.h.as_vec());
        case.assert_tensor("forward", names[2], &state.c.as_vec());

        if mask.is_none() {
            let mut state = initial.unwrap_or_else(|| lstm.zero_state(batch).unwrap());
            let values = x.as_vec();
            for step in 0..length {
                let rows = values.chunks(length * 3).flat_map(|row| row[step * 3..][..3].to_vec());
                let x = dev.tensor_from_vec(rows.collect(), (batch, Const::<3>));
                state = lstm.step(x, state).unwrap();
            }
            case.assert_tensor("forward", names[1], &state.h.as_vec());
            case.assert_tensor("forward", names[2], &state.c.as_vec());
        }
        names.into_iter().for_each(|name| report.typed(name));
    }
}

/// Keras's `stateful=True`: the state of a call enters the next, until it is reset.
fn rnn_call_lstm_stateful(case: &Case, report: &mut Report) {
    let mut layer = (Lstm::<3, 3, Sequences>::build(&Cpu::default()).unwrap(),);
    case.load(&mut layer);
    let mut state = None;
    for call in calls(case) {
        if call["reset_state_before"] == true {
            state = None;
        }
        let (x, mask) = input::<3>(case, call);
        let (found, last) = layer.0.forward_with_state(x, mask.as_ref(), state).unwrap();
        let name = outputs(call)[0];
        case.assert_tensor("forward", name, &found.as_vec());
        report.typed(name);
        state = Some(last);
    }
}

/// The layer of the case as its config says it, but with some options off, and with its weights.
fn from_config(case: &Case, off: &[&str]) -> Result<DynamicLayer, Error> {
    let mut config = case.json["layer"].clone();
    for place in ["/config", "/config/layer/config", "/config/backward_layer/config"] {
        let options = config.pointer_mut(place).and_then(Value::as_object_mut);
        let options = options.into_iter().flatten();
        for (_, option) in options.filter(|(key, _)| off.contains(&key.as_str())) {
            *option = false.into();
        }
    }
    let mut layer = layer(config)?;
    let weights = WeightFile::from_bytes(case.read("tensors.safetensors"))?;
    // `0.gru.kernel` is `kernel`, `0.bidirectional.forward.kernel` is `forward.kernel`.
    layer.load(weights.rename(|name| {
        let (_, name) = name.strip_prefix("0.")?.split_once('.')?;
        Some(name.to_owned())
    }))?;
    Ok(layer)
}

/// Compares the first output of a call that begins without a state, where that is all that it returns.
fn call_from_config(case: &Case, call: &Value, off: &[&str]) {
    let name = call["input"].as_str().unwrap();
    let mut x = DynamicValue::numbers(case.shape(name), case.floats(name)).unwrap();
    if let Some(mask) = mask(case, call) {
        x = x.with_mask(mask).unwrap();
    }
    let found = from_config(case, off).unwrap().run(x).unwrap();
    case.assert_tensor("forward", outputs(call)[0], found.values());
}

/// Layers that return their states. Without them the outputs are the same.
fn returned_states(case: &Case, report: &mut Report) {
    for call in calls(case) {
        let names = outputs(call);
        let given = call["initial_state"].is_array();
        if !given {
            call_from_config(case, call, &["return_state"]);
            report.dynamic(names[0]);
        }
        for name in &names[usize::from(!given)..] {
            report.refused(*name, from_config(case, &[]), &RETURN_STATE);
        }
    }
}

/// Layers that keep their state. The first call after a reset is that of a layer that does not.
fn kept_states(case: &Case, report: &mut Report) {
    for (i, call) in calls(case).iter().enumerate() {
        let name = outputs(call)[0];
        if i == 0 || call["reset_state_before"] == true {
            call_from_config(case, call, &["stateful"]);
            report.dynamic(name);
        } else {
            report.refused(name, from_config(case, &[]), &STATEFUL);
        }
    }
}

fn bidirectional_call_nomask(case: &Case, report: &mut Report) {
    for call in calls(case) {
        call_from_config(case, call, &[]);
        report.dynamic(outputs(call)[0]);
    }
}

/// The dropout masks are given, so that the training pass can be compared.
fn given_dropout(case: &Case, report: &mut Report) {
    for call in calls(case) {
        report.skipped(outputs(call)[0], &GIVEN_DROPOUT);
    }
}

fn softmax_layer_mask_call(case: &Case, report: &mut Report) {
    for call in calls(case) {
        report.skipped(outputs(call)[0], &SOFTMAX_MASK);
    }
}

pub(crate) fn tests() -> Vec<Test> {
    let mut all =
        tests![rnn_call_lstm_stateful, bidirectional_call_nomask, softmax_layer_mask_call];
    let mut add = |test: fn(&Case, &mut Report), names: &[&'static str]| {
        all.extend(names.iter().map(|&name| Test::new(name, name, test)));
    };
    add(
        states,
        &[
            "rnn_call_lstm_initial_state",
            "rnn_call_lstm_return_state_seq",
            "rnn_call_lstm_return_state_last",
        ],
    );
    add(
        returned_states,
        &[
            "bidirectional_call_return_state",
            "rnn_call_gru_initial_state",
            "rnn_call_gru_return_state_last",
            "rnn_call_gru_return_state_seq",
            "rnn_call_simplernn_initial_state",
            "rnn_call_simplernn_return_state_last",
            "rnn_call_simplernn_return_state_seq",
        ],
    );
    add(kept_states, &["rnn_call_gru_stateful", "rnn_call_simplernn_stateful"]);
    add(
        given_dropout,
        &[
            "rnn_call_gru_dropout_given_masks",
            "rnn_call_lstm_dropout_given_masks",
            "rnn_call_simplernn_dropout_given_masks",
        ],
    );
    all
}
