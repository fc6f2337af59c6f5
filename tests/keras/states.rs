//! The states of an LSTM: given at the start, returned at the end, step by step.

use kerata::{Cpu, Lstm, Mask, Sequences, Tensor, backend::LstmState, prelude::*, shape::Const};

use crate::case::Case;

fn floats<const A: usize>(case: &Case, tensor: &str) -> Tensor<(usize, Const<A>), f32, Cpu> {
    let [rows, _] = case.shape(tensor) else { panic!("{tensor} has another rank") };
    Cpu::default().tensor_from_vec(case.floats(tensor), (*rows, Const))
}

/// All calls of a case: outputs and final states; and the same step by step, where no mask is given.
fn check<const I: usize, const H: usize>(name: &str) {
    let Some(case) = Case::open(name) else { return };
    let dev = Cpu::default();
    let mut layer = (Lstm::<I, H, Sequences>::build(&dev).unwrap(),);
    case.load(&mut layer);
    let lstm = layer.0;
    let returns_sequences = case.json["layer"]["config"]["return_sequences"].as_bool().unwrap();
    for call in case.json["calls"].as_array().unwrap() {
        let input = call["input"].as_str().unwrap();
        let &[batch, length, _] = case.shape(input) else { panic!("{input} has another rank") };
        let x: Tensor<(usize, usize, Const<I>), f32, Cpu> =
            dev.tensor_from_vec(case.floats(input), (batch, length, Const));
        let mask = call["mask"]
            .as_str()
            .map(|name| Mask::from_bools(case.flags(name), batch, length).unwrap());
        let initial = call["initial_state"].as_array().map(|names| LstmState {
            h: floats::<H>(&case, names[0].as_str().unwrap()),
            c: floats::<H>(&case, names[1].as_str().unwrap()),
        });
        let (outputs, state) =
            lstm.forward_with_state(x.clone(), mask.as_ref(), initial.clone()).unwrap();
        let name = |i: usize| call["outputs"][i]["output"].as_str().unwrap();
        let outputs = outputs.as_vec();
        if returns_sequences {
            case.assert_tensor("forward", name(0), &outputs);
        } else {
            let last = outputs.chunks(length * H).flat_map(|row| row[(length - 1) * H..].to_vec());
            case.assert_tensor("forward", name(0), &last.collect::<Vec<_>>());
        }
        case.assert_tensor("forward", name(1), &state.h.as_vec());
        case.assert_tensor("forward", name(2), &state.c.as_vec());

        if mask.is_none() {
            let mut state = initial.unwrap_or_else(|| lstm.zero_state(batch).unwrap());
            let numbers = x.as_vec();
            for step in 0..length {
                let rows = numbers.chunks(length * I).flat_map(|row| row[step * I..][..I].to_vec());
                let x = dev.tensor_from_vec(rows.collect(), (batch, Const::<I>));
                state = lstm.step(x, state).unwrap();
            }
            case.assert_tensor("forward", name(1), &state.h.as_vec());
            case.assert_tensor("forward", name(2), &state.c.as_vec());
        }
    }
}

#[test]
fn rnn_call_lstm_initial_state() {
    check::<3, 3>("rnn_call_lstm_initial_state");
}

#[test]
fn rnn_call_lstm_return_state_seq() {
    check::<3, 3>("rnn_call_lstm_return_state_seq");
}

#[test]
fn rnn_call_lstm_return_state_last() {
    check::<3, 3>("rnn_call_lstm_return_state_last");
}

/// Keras's `stateful=True`: the state of a call enters the next, until it is reset.
#[test]
fn rnn_call_lstm_stateful() {
    let Some(case) = Case::open("rnn_call_lstm_stateful") else { return };
    let dev = Cpu::default();
    let mut layer = (Lstm::<3, 3, Sequences>::build(&dev).unwrap(),);
    case.load(&mut layer);
    let mut state = None;
    for call in case.json["calls"].as_array().unwrap() {
        if call["reset_state_before"] == true {
            state = None;
        }
        let input = call["input"].as_str().unwrap();
        let &[batch, length, _] = case.shape(input) else { panic!("{input} has another rank") };
        let x: Tensor<(usize, usize, Const<3>), f32, Cpu> =
            dev.tensor_from_vec(case.floats(input), (batch, length, Const));
        let mask = call["mask"]
            .as_str()
            .map(|name| Mask::from_bools(case.flags(name), batch, length).unwrap());
        let (outputs, last) = layer.0.forward_with_state(x, mask.as_ref(), state).unwrap();
        case.assert_tensor(
            "forward",
            call["outputs"][0]["output"].as_str().unwrap(),
            &outputs.as_vec(),
        );
        state = Some(last);
    }
}
