//! Layers that hang together: states handed on, one signal used twice, masks through several layers.

use dfdx::tensor::{PutTape, SplitTape};
use kerata::{
    Add, Average, Batch, BatchNorm, Concatenate, Cpu, Dense, Error, GlobalAveragePooling1d,
    LastState, LayerNorm, Linear, Lstm, Mask, Masked, Relu, Sequences, Sigmoid, Softmax, Subtract,
    Tanh, Tensor, TimeDistributed, Unmask,
    backend::LstmState,
    loss::MeanSquaredError,
    model,
    parameters::{Build, Parameters, Visitor},
    prelude::*,
    shape::Const,
};

use crate::numeric::{Loss, Tape, check, tensor};

type Steps<const F: usize> = (Batch, Const<4>, Const<F>);
type Sequence<const F: usize> = Tensor<Steps<F>, f64, Cpu, Tape>;

fn build<M: Build<f64, Cpu>>() -> M {
    M::build(&Cpu::seed_from_u64(3)).unwrap()
}

/// Rows: all real, right padding, left padding, gaps, nothing real.
fn masked<const F: usize>(x: Sequence<F>) -> Masked<Sequence<F>> {
    let rows = ["####", "##..", "..##", "#.#.", "...."].concat();
    let keep: Vec<bool> = rows.chars().map(|c| c == '#').collect();
    Masked::new(x, Mask::from_bools(keep, 5, 4).unwrap()).unwrap()
}

/// A loss that looks at every number, also at those of masked steps.
fn against<const F: usize>(y: Sequence<F>) -> Loss {
    MeanSquaredError.compute(y, tensor((5, Const, Const::<F>), 9)).unwrap()
}

fn against_rows<const F: usize>(y: Tensor<(Batch, Const<F>), f64, Cpu, Tape>) -> Loss {
    MeanSquaredError.compute(y, tensor((5, Const::<F>), 9)).unwrap()
}

/// A loss under the mask.
fn against_real<const F: usize>(y: Masked<Sequence<F>>) -> Loss {
    MeanSquaredError.compute(y, tensor((5, Const, Const::<F>), 9)).unwrap()
}

/// One LSTM starts from where another has come to: both masked, and the state alone carries the gradient.
#[test]
fn encoder_and_decoder() {
    type Pair = (Lstm<3, 2, Sequences, f64>, Lstm<3, 2, Sequences, f64>);
    check(build::<Pair>(), tensor((5, Const::<4>, Const::<3>), 1), |(encoder, decoder), x| {
        let x = masked(x);
        let mask = x.mask().clone();
        let (x, tape) = x.into_parts().0.split_tape();
        let (outputs, state) =
            encoder.forward_with_state(x.clone().put_tape(tape), Some(&mask), None).unwrap();
        let x = x.put_tape(outputs.split_tape().1);
        let (outputs, state) = decoder.forward_with_state(x, None, Some(state)).unwrap();
        let (outputs, tape) = outputs.split_tape();
        let c = against_rows(state.c.put_tape(Tape::default()));
        against(outputs.put_tape(tape)) + c
    });
}

/// A step at a time is the whole sequence; the gradient goes through all steps.
#[test]
fn state_given_twice() {
    check(build::<Lstm<2, 2, Sequences, f64>>(), tensor((5, Const::<2>), 1), |lstm, x| {
        let (x, tape) = x.split_tape();
        let state = LstmState { h: x.clone(), c: x.clone() };
        let steps = tensor((5, Const::<4>, Const::<2>), 4).put_tape(tape);
        let (outputs, state) = lstm.forward_with_state(steps, None, Some(state)).unwrap();
        let h = state.h.put_tape(outputs.split_tape().1);
        against_rows(h)
    });
}

macro_rules! of_masked {
    ($($name:ident: $layers:ty => $against:ident;)*) => {
        $(
            #[test]
            fn $name() {
                let x = tensor((5, Const::<4>, Const::<3>), 1);
                check(build::<$layers>(), x, |layers, x| {
                    $against(layers.forward(masked(x)).unwrap())
                });
            }
        )*
    };
}
of_masked! {
    stacked: (Lstm<3, 2, Sequences, f64>, Lstm<2, 3, LastState, f64>, Dense<3, 2, Tanh, f64>)
        => against_rows;
    tagger: (Lstm<3, 2, Sequences, f64>, TimeDistributed<Dense<2, 3, Softmax, f64>>)
        => against_real;
    pooled: (TimeDistributed<Dense<3, 2, Tanh, f64>>, GlobalAveragePooling1d) => against_rows;
    unmasked: (Lstm<3, 2, Sequences, f64>, Unmask, TimeDistributed<Dense<2, 2, Linear, f64>>)
        => against;
    layer_norm: (TimeDistributed<Dense<3, 3, Linear, f64>>, LayerNorm<3, f64>) => against_real;
    batch_norm: (TimeDistributed<Dense<3, 3, Linear, f64>>, BatchNorm<3, f64>) => against_real;
    relu: (LayerNorm<3, f64>, Relu) => against_real;
    tanh: (LayerNorm<3, f64>, Tanh) => against_real;
    sigmoid: (LayerNorm<3, f64>, Sigmoid) => against_real;
    softmax: (LayerNorm<3, f64>, Softmax) => against_real;
}

/// A whole LSTM at each step.
#[test]
fn lstm_in_time_distributed() {
    let layer = build::<TimeDistributed<Lstm<3, 2, LastState, f64>>>();
    let x = tensor((5, Const::<4>, Const::<2>, Const::<3>), 1);
    check(layer, x, |layer, x| against(layer.forward(x).unwrap()));
}

#[model(input = Masked<(Batch, 4, 3)>, output = Masked<(Batch, 4, 5)>, element = f64)]
struct Branches {
    left: Lstm<_, 3, Sequences, f64>,
    #[from(left, input)]
    sum: Add,
    #[from(sum)]
    right: Lstm<_, 3, Sequences, f64>,
    #[from(sum, right)]
    difference: Subtract,
    #[from(difference, left)]
    mean: Average,
    #[from(right)]
    narrow: TimeDistributed<Dense<3, 2, Tanh, f64>>,
    #[from(mean, narrow)]
    both: Concatenate<_>,
}

/// Masked merges, with one signal used three times.
#[test]
fn branches() {
    check(build::<Branches>(), tensor((5, Const::<4>, Const::<3>), 1), |model, x| {
        against_real(model.forward(masked(x)).unwrap())
    });
}

/// The same layer twice: its gradients add.
#[derive(Clone)]
struct Twice(Dense<3, 3, Tanh, f64>);

impl Parameters<f64, Cpu> for Twice {
    fn visit(&mut self, visitor: &mut dyn Visitor<f64, Cpu>) -> Result<(), Error> {
        self.0.visit(visitor)
    }
}

#[test]
fn shared_layer() {
    check(Twice(build()), tensor((5, Const::<3>), 1), |twice, x| {
        against_rows(twice.0.forward(twice.0.forward(x).unwrap()).unwrap())
    });
}
