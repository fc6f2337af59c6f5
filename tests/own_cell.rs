//! Cells of a user's own, against the built-in layers that they copy.

#![allow(missing_docs)]

use dfdx::{
    prelude::{Backward, SumTo, TryMul},
    tensor::{OwnedTape, PutTape},
};
use kerata::{
    Batch, Bidirectional, Const, Cpu, Error, Gru, Length, Lstm, Mask, Masked, ResetBefore,
    ReturnState, Rnn, RnnCell, Sequences, StateH, StateHc, Sum, Tensor, build_with, layer,
    model::Sequential,
    parameters::{Parameter, Parameters, Visitor},
    prelude::*,
    shape::HasShape,
    tensor::{Rank2, SplitTape, Tape, TryMatMul},
};

const I: usize = 3;
const H: usize = 4;

type Of<const N: usize, T> = Tensor<(usize, Const<N>), f32, Cpu, T>;

/// The weights of a gate.
#[layer]
struct Gate {
    #[weight(init = glorot_uniform)]
    kernel: Tensor<Rank2<I, H>, f32, Cpu>,
    #[weight(init = orthogonal)]
    recurrent: Tensor<Rank2<H, H>, f32, Cpu>,
    #[weight(init = glorot_uniform)]
    bias: Tensor<Rank2<1, H>, f32, Cpu>,
}

impl Gate {
    /// `x . kernel + h . recurrent + bias`.
    fn sum<T: Tape<f32, Cpu>>(&self, x: &Of<I, T>, h: Of<H, T>) -> Result<Of<H, T>, Error> {
        let of_x = x.retaped::<T>().try_matmul(self.kernel.clone())?;
        let bias = self.bias.retaped::<T>();
        let index = self.bias.device().tensor_from_vec(vec![0; x.shape().0], (x.shape().0,));
        let bias: Of<H, T> = kerata::tensor::GatherTo::try_gather(bias, index)?;
        Ok(h.try_matmul(self.recurrent.clone())? + of_x + bias)
    }
}

/// Keras's GRU, reset before.
#[layer]
struct HandGru {
    #[inner(by_hand)]
    z: Gate,
    #[inner(by_hand)]
    r: Gate,
    #[inner(by_hand)]
    n: Gate,
}

impl RnnCell for HandGru {
    type Inputs = Const<I>;
    type State = StateH<(Batch, Const<H>)>;

    fn step<T: Tape<f32, Cpu>>(
        &self,
        x: Of<I, T>,
        StateH { h }: StateH<Of<H, T>>,
    ) -> Result<StateH<Of<H, T>>, Error> {
        let z = self.z.sum(&x, h.retaped::<T>())?.sigmoid();
        let r = self.r.sum(&x, h.retaped::<T>())?.sigmoid();
        let n = self.n.sum(&x, r * h.retaped::<T>())?.tanh();
        Ok(StateH { h: z * (h - n.retaped::<T>()) + n })
    }
}

/// Keras's LSTM.
#[layer]
struct HandLstm {
    #[inner(by_hand)]
    i: Gate,
    #[inner(by_hand)]
    f: Gate,
    #[inner(by_hand)]
    g: Gate,
    #[inner(by_hand)]
    o: Gate,
}

impl RnnCell for HandLstm {
    type Inputs = Const<I>;
    type State = StateHc<(Batch, Const<H>)>;

    fn step<T: Tape<f32, Cpu>>(
        &self,
        x: Of<I, T>,
        StateHc { h, c }: StateHc<Of<H, T>>,
    ) -> Result<StateHc<Of<H, T>>, Error> {
        let [i, f, g, o] =
            [&self.i, &self.f, &self.g, &self.o].map(|gate| gate.sum(&x, h.retaped::<T>()));
        let (c, tape) = (f?.sigmoid() * c + i?.sigmoid() * g?.tanh()).split_tape();
        let h = o?.sigmoid() * c.clone().put_tape(tape).tanh();
        Ok(StateHc { h, c: c.put_tape(T::default()) })
    }
}

/// Sets all weights by their place among the gates, in Keras's layout or apart.
struct Set {
    gates: usize,
    number: usize,
}

fn value(weight: usize, row: usize, column: usize) -> f32 {
    0.6 * ((weight * 131 + row * 17 + column * 5) as f32).sin()
}

impl Visitor<f32, Cpu> for Set {
    fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
        let count = parameter.tensor.len();
        // Apart, each gate has three weights of its own.
        let apart = parameter.sizes().last() == Some(&H);
        let (weight, first, wide) = match apart {
            true => (self.number % 3, self.number / 3 % self.gates * H, H),
            false => (self.number % 3, 0, self.gates * H),
        };
        let values: Vec<f32> =
            (0..count).map(|i| value(weight, i / wide, first + i % wide)).collect();
        parameter.tensor.assign(&values)?;
        self.number += 1;
        Ok(())
    }
}

fn set<L: Build + Parameters>(gates: usize) -> Result<L, Error> {
    let mut layer = L::build(&Cpu::default())?;
    layer.visit(&mut Set { gates, number: 0 })?;
    Ok(layer)
}

const ROWS: usize = 3;
const LENGTH: usize = 5;

fn x() -> Tensor<(usize, usize, Const<I>), f32, Cpu> {
    let values = (0..ROWS * LENGTH * I).map(|i| (i as f32 * 0.77).sin()).collect();
    Cpu::default().tensor_from_vec(values, (ROWS, LENGTH, Const))
}

fn masked() -> Masked<Tensor<(usize, usize, Const<I>), f32, Cpu>> {
    let keep = [1, 1, 0, 1, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0].map(|keep| keep == 1);
    Masked::new(x(), Mask::from_bools(keep.to_vec(), ROWS, LENGTH).unwrap()).unwrap()
}

#[track_caller]
fn close(a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() < 2e-6, "{a} {b}");
    }
}

/// Everything that both layers can, alike.
macro_rules! alike {
    ($test:ident: $hand:ident, $gates:literal, $built_in:ident $(, $more:ty)?) => {
        #[test]
        fn $test() -> Result<(), Error> {
            type Hand<R> = Rnn<$hand, R>;
            type BuiltIn<R> = $built_in<I, H, R $(, $more)?>;
            let (hand, built_in) =
                (set::<Hand<Sequences>>($gates)?, set::<BuiltIn<Sequences>>($gates)?);
            let values = |y: Masked<Tensor<_, f32, Cpu>>| {
                let y: Tensor<(usize, usize, Const<H>), f32, Cpu> = y.into_parts().0;
                y.as_vec()
            };
            close(&hand.forward(x())?.as_vec(), &built_in.forward(x())?.as_vec());
            close(&values(hand.forward(masked())?), &values(built_in.forward(masked())?));

            // In any order, and with zeros at masked steps.
            let (mut a, mut b) = (hand.clone(), built_in.clone());
            (a.go_backwards, a.zero_output_for_mask) = (true, true);
            (b.go_backwards, b.zero_output_for_mask) = (true, true);
            close(&values(a.forward(masked())?), &values(b.forward(masked())?));
            let (a, b) = (
                set::<Bidirectional<Hand<kerata::LastState>, Sum>>($gates)?,
                set::<Bidirectional<BuiltIn<kerata::LastState>, Sum>>($gates)?,
            );
            close(&a.forward(masked())?.as_vec(), &b.forward(masked())?.as_vec());

            // From batch to batch, and with states in and out.
            let (mut a, mut b) = (hand.clone(), built_in.clone());
            (a.stateful, b.stateful) = (true, true);
            close(&a.forward(x())?.as_vec(), &b.forward(x())?.as_vec());
            close(&a.forward(x())?.as_vec(), &b.forward(x())?.as_vec());
            let (a, b) = (
                ReturnState { layer: hand.clone() },
                ReturnState { layer: built_in.clone() },
            );
            let ((_, of_a), (_, of_b)) = (a.forward(masked())?, b.forward(masked())?);
            close(&of_a.h.as_vec(), &of_b.h.as_vec());
            let (from_a, from_b) = (hand.forward((x(), of_a))?, built_in.forward((x(), of_b))?);
            close(&from_a.as_vec(), &from_b.as_vec());

            // Gradients of the input and of all weights.
            let gradients = |forward: &dyn Fn(
                Masked<Tensor<(usize, usize, Const<I>), f32, Cpu, OwnedTape<f32, Cpu>>>,
            ) -> Result<
                Masked<Tensor<(usize, usize, Const<H>), f32, Cpu, OwnedTape<f32, Cpu>>>,
                Error,
            >| {
                let (x, mask) = masked().into_parts();
                let y = forward(Masked::new(x.clone().put_tape(OwnedTape::default()), mask)?)?;
                let weights = (0..ROWS * LENGTH * H).map(|i| (i as f32).cos()).collect();
                let weights = Cpu::default().tensor_from_vec(weights, (ROWS, LENGTH, Const::<H>));
                let loss: Tensor<(), f32, Cpu, _> = y.into_parts().0.try_mul(weights)?.sum();
                let gradients = loss.backward();
                Ok::<_, Error>((gradients.get(&x).as_vec(), gradients))
            };
            let (of_x, mut by_hand) = gradients(&|x| hand.forward(x))?;
            let (expected, by_built_in) = gradients(&|x| built_in.forward(x))?;
            close(&of_x, &expected);
            let kernel = by_built_in.get(&built_in.kernel).as_vec();
            let columns = |first: usize| -> Vec<f32> {
                kernel.chunks($gates * H).flat_map(|row| row[first..first + H].to_vec()).collect()
            };
            let mut first = hand.cell.clone();
            struct First<'a>(&'a mut dfdx::tensor::Gradients<f32, Cpu>, Option<Vec<f32>>);
            impl Visitor<f32, Cpu> for First<'_> {
                fn visit(
                    &mut self,
                    parameter: Parameter<'_, f32, Cpu>,
                ) -> Result<(), Error> {
                    if self.1.is_none() {
                        self.1 = Some(parameter.tensor.gradient(self.0)?);
                    }
                    Ok(())
                }
            }
            let mut found = First(&mut by_hand, None);
            first.visit(&mut found)?;
            close(&found.1.unwrap(), &columns(0));

            // Step by step.
            type In = Masked<(Batch, Length, Const<I>)>;
            let expected = values(hand.forward(masked())?);
            let model = Sequential::<In, _>::new((hand,));
            let (mut stream, (x, mask)) = (model.stream(ROWS)?, masked().into_parts());
            let x = x.as_vec();
            for step in 0..LENGTH {
                let row = |row: usize| -> [f32; I] {
                    x[(row * LENGTH + step) * I..][..I].try_into().unwrap()
                };
                let keep = [0, 1, 2].map(|row| mask.row(row)[step]);
                let (y, _) = stream.step((&[row(0), row(1), row(2)], &keep))?;
                for (row, y) in y.iter().enumerate() {
                    close(y, &expected[(row * LENGTH + step) * H..][..H]);
                }
            }
            Ok(())
        }
    };
}
alike!(a_gru_by_hand: HandGru, 3, Gru, ResetBefore);
alike!(an_lstm_by_hand: HandLstm, 4, Lstm);

/// A cell that fails, or gives other rows.
#[layer]
struct Wrong;

impl RnnCell for Wrong {
    type Inputs = Const<I>;
    type State = StateH<(Batch, Const<H>)>;

    fn step<T: Tape<f32, Cpu>>(
        &self,
        x: Of<I, T>,
        _: StateH<Of<H, T>>,
    ) -> Result<StateH<Of<H, T>>, Error> {
        let rows = x.shape().0 + 1;
        let h = x.device().tensor_from_vec(vec![0.0; rows * H], (rows, Const));
        Ok(StateH { h: h.put_tape(T::default()) })
    }
}

#[test]
fn a_cell_that_gives_other_rows() -> Result<(), Error> {
    let rnn = Rnn::<Wrong>::build(&Cpu::default())?;
    let expected = "the rows of the state that a cell gives: expected 3, found 4";
    assert_eq!(rnn.forward(x()).unwrap_err().to_string(), expected);
    let model = Sequential::<(Batch, Length, Const<I>), _>::new((rnn,));
    let error = model.stream(3)?.step(&[[0.0; I]; 3]).unwrap_err();
    assert_eq!(error.to_string(), expected);
    Ok(())
}

/// A cell that is not defined at 0: `h' = h + ln(x) . kernel`.
#[layer]
struct OfLogarithms {
    #[weight(init = glorot_uniform)]
    kernel: Tensor<Rank2<I, H>, f32, Cpu>,
}

impl RnnCell for OfLogarithms {
    type Inputs = Const<I>;
    type State = StateH<(Batch, Const<H>)>;

    fn step<T: Tape<f32, Cpu>>(
        &self,
        x: Of<I, T>,
        state: StateH<Of<H, T>>,
    ) -> Result<StateH<Of<H, T>>, Error> {
        Ok(StateH { h: x.try_ln()?.try_matmul(self.kernel.clone())? + state.h })
    }
}

#[test]
fn masked_steps_have_no_part_in_gradients() -> Result<(), Error> {
    let rnn = Rnn::<OfLogarithms, Sequences>::build(&Cpu::seed_from_u64(1))?;
    let gradients = |padding: f32, mask: [bool; 6]| {
        let at = |i: usize| if mask[i / I] { 0.5 + i as f32 } else { padding };
        let x: Tensor<(usize, usize, Const<I>), f32, Cpu> =
            Cpu::default().tensor_from_vec((0..6 * I).map(at).collect(), (2, 3, Const));
        let mask = Mask::from_bools(mask, 2, 3)?;
        let y = rnn.forward(Masked::new(x.clone().put_tape(OwnedTape::default()), mask)?)?;
        let loss: Tensor<(), f32, Cpu, _> = y.into_parts().0.sum();
        let gradients = loss.backward();
        Ok::<_, Error>([gradients.get(&x).as_vec(), gradients.get(&rnn.cell.kernel).as_vec()])
    };
    for mask in [[true, false, true, false, false, true], [true, true, false, false, false, false]]
    {
        let expected = gradients(1.0, mask)?;
        assert!(expected.iter().flatten().all(|slope| slope.is_finite()), "{expected:?}");
        assert!(expected[1].iter().any(|slope| *slope != 0.0));
        for padding in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert_eq!(gradients(padding, mask)?, expected, "{padding}");
        }
    }
    let [of_x, of_kernel] = gradients(0.0, [false; 6])?;
    assert!(of_x.iter().chain(&of_kernel).all(|slope| *slope == 0.0));
    Ok(())
}

#[test]
fn options_and_no_rows() -> Result<(), Error> {
    type Layer = Rnn<HandGru, Sequences>;
    let rnn = build_with!(Layer, &Cpu::default(), go_backwards = true)?;
    assert!(rnn.go_backwards);
    let none = Cpu::default().tensor_from_vec(Vec::<f32>::new(), (0, 2, Const::<I>));
    assert_eq!(rnn.forward(none)?.shape().0, 0);
    Ok(())
}
