//! Weights are public fields, and those of an LSTM have a size that types do not know.

use dfdx::tensor::{OwnedTape, TensorFromVec, ZerosTensor};
use kerata::{
    Backend, Cpu, Element, Error, Gru, LastState, Lstm, Mask, Masked, ResetAfter, ResetBefore,
    ResetGate, Sequences, Tensor,
    io::SaveWeights,
    optim::{Adam, State},
    parameters::{Parameter, Parameters, Visitor},
    prelude::*,
    shape::{Const, Shape},
};

type Layer<E> = Lstm<2, 3, Sequences, E>;

fn x<E: Element>() -> Tensor<(usize, Const<2>, Const<2>), E, Cpu>
where
    Cpu: Backend<E>,
{
    Cpu::default().tensor_from_vec([0.1, 0.2, 0.3, 0.4].map(E::of).to_vec(), (1, Const, Const))
}

fn named(error: Error, weight: &str, expected: &str, found: &str) {
    let text = error.to_string();
    for part in ["LSTM", weight, expected, found] {
        assert!(text.contains(part), "`{part}` is not in `{text}`");
    }
}

struct Nothing;

impl<E: Element> Visitor<E, Cpu> for Nothing
where
    Cpu: Backend<E>,
{
    fn visit(&mut self, _: Parameter<'_, E, Cpu>) -> Result<(), Error> {
        Ok(())
    }
}

fn every_way<E: Element>(change: impl Fn(&mut Layer<E>), weight: &str, expected: &str, found: &str)
where
    Cpu: Backend<E>,
{
    let mut layer = Layer::<E>::build(&Cpu::seed_from_u64(0)).unwrap();
    // What it has prepared for inference must not be used for other weights.
    layer.forward(x::<E>()).unwrap();
    change(&mut layer);
    let errors = [
        layer.forward(x::<E>()).err(),
        layer.forward_mut(x::<E>().leaky_traced()).err(),
        layer.forward(Masked::new(x::<E>(), Mask::full(1, 2)).unwrap()).err(),
        layer.forward_with_state(x::<E>(), None, None).err(),
        layer.visit(&mut Nothing).err(),
    ];
    for error in errors {
        named(error.unwrap(), weight, expected, found);
    }
    let nothing: Tensor<(), E, Cpu, OwnedTape<E, Cpu>> =
        dfdx::tensor::PutTape::put_tape(Cpu::default().zeros(), OwnedTape::default());
    let mut gradients = dfdx::tensor_ops::Backward::backward(nothing);
    let error = State::default().step(&Adam::default(), &mut layer, &mut gradients).unwrap_err();
    named(error, weight, expected, found);
}

fn all<E: Element>()
where
    Cpu: Backend<E>,
{
    let dev = Cpu::default();
    for wrong in [24, 5, 0, 11, 13] {
        let found = format!("[{wrong}]");
        every_way::<E>(|l| l.bias = dev.zeros_like(&(wrong,)), "`bias`", "[12]", &found);
        let kernel = |l: &mut Layer<E>| l.kernel = dev.zeros_like(&(Const, wrong));
        every_way::<E>(kernel, "`kernel`", "[2, 12]", &format!("[2, {wrong}]"));
        let kernel = |l: &mut Layer<E>| l.recurrent_kernel = dev.zeros_like(&(Const, wrong));
        every_way::<E>(kernel, "`recurrent_kernel`", "[3, 12]", &format!("[3, {wrong}]"));
    }
}

#[test]
fn weights_of_another_size_are_named() {
    all::<f32>();
    all::<f64>();
}

/// What changes a layer, the weight, and the size that is expected of it.
type Change<R> = (fn(&mut Gru<2, 3, Sequences, R>, usize), &'static str, &'static str);

fn of_gru<R: ResetGate>(changes: &[Change<R>]) {
    for (change, weight, expected) in changes {
        for wrong in [18, 5, 0, 8, 10] {
            let mut layer = Gru::<2, 3, Sequences, R>::build(&Cpu::seed_from_u64(0)).unwrap();
            layer.forward(x::<f32>()).unwrap();
            change(&mut layer, wrong);
            let errors = [
                layer.forward(x::<f32>()).err(),
                layer.forward_mut(x::<f32>().leaky_traced()).err(),
                layer.visit(&mut Nothing).err(),
            ];
            for error in errors {
                let text = error.unwrap().to_string();
                for part in ["GRU", weight, expected, &format!("{wrong}]")] {
                    assert!(text.contains(part), "`{part}` is not in `{text}`");
                }
            }
        }
    }
}

#[test]
fn those_of_a_gru_too() {
    fn zeros<S: Shape>(shape: S) -> Tensor<S, f32, Cpu> {
        Cpu::default().zeros_like(&shape)
    }

    of_gru::<ResetAfter>(&[
        (|l, n| l.kernel = zeros((Const, n)), "`kernel`", "[2, 9]"),
        (|l, n| l.recurrent_kernel = zeros((Const, n)), "`recurrent_kernel`", "[3, 9]"),
        (|l, n| l.bias = zeros((Const, n)), "`bias`", "[2, 9]"),
    ]);
    of_gru::<ResetBefore>(&[
        (|l, n| l.kernel = zeros((Const, n)), "`kernel`", "[2, 9]"),
        (|l, n| l.recurrent_kernel = zeros((Const, n)), "`recurrent_kernel`", "[3, 9]"),
        (|l, n| l.input_bias = zeros((n,)), "`bias`", "[9]"),
    ]);
}

#[test]
fn a_file_is_not_written_of_them() {
    let dev = Cpu::default();
    let mut layer = Lstm::<2, 3, LastState>::build(&dev).unwrap();
    layer.bias = dev.zeros_like(&(24,));
    let path = std::env::temp_dir().join(format!("kerata-{}.safetensors", std::process::id()));
    named(layer.save_weights(&path).unwrap_err(), "`bias`", "[12]", "[24]");
    assert!(!path.exists());
}
