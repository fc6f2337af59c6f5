//! What stands in the padding does not matter, be it NaN: not for the output, nor for any gradient.

use dfdx::{
    shapes::Rank0,
    tensor::{Gradients, NoneTape, OwnedTape, PutTape, TensorFromVec},
};
use kerata::{
    Backend, BatchNorm, Cpu, Dense, Dropout, Element, Error, GlobalAveragePooling1d, Ids,
    LastState, LayerNorm, Linear, Lstm, Mask, Masked, Sequences, Softmax, Tanh, Tensor,
    TimeDistributed,
    loss::{
        BinaryCrossentropy, CategoricalCrossentropy, Loss, MeanAbsoluteError, MeanSquaredError,
        SparseCategoricalCrossentropy,
    },
    metric::{self, BinaryAccuracy, CategoricalAccuracy, MeanLoss, Metric},
    parameters::{Build, Parameter, Parameters, Visitor},
    prelude::*,
    reduce::{Mean, PerStep, Unweighted},
    shape::Const,
    signal::Signal,
};

type Tape<E> = OwnedTape<E, Cpu>;
type Steps = (usize, usize, Const<3>);
type Traced<E> = Tensor<Steps, E, Cpu, Tape<E>>;

const ROWS: usize = 5;
const LENGTH: usize = 4;

/// Rows: all real, right padding, left padding, gaps, nothing real.
fn mask() -> Mask {
    let rows = ["####", "##..", "..##", "#.#.", "...."].concat();
    let keep: Vec<bool> = rows.chars().map(|c| c == '#').collect();
    Mask::from_bools(keep, ROWS, LENGTH).unwrap()
}

/// A padded batch with `padding` in the padding.
fn steps<E: Element>(padding: f64) -> Tensor<Steps, E, Cpu>
where
    Cpu: Backend<E>,
{
    let number = |i: usize| ((i * 7919 + 13) % 2003) as f64 / 4006.0 + 0.25;
    let keep = mask();
    let values = (0..ROWS * LENGTH * 3)
        .map(|i| E::of(if keep.as_slice()[i / 3] { number(i) } else { padding }))
        .collect();
    Cpu::default().tensor_from_vec(values, (ROWS, LENGTH, Const))
}

/// Reads the parameters and their gradients.
struct Numbers<'a, E: Element>(&'a mut Gradients<E, Cpu>, Vec<f64>)
where
    Cpu: Backend<E>;

impl<E: Element> Visitor<E, Cpu> for Numbers<'_, E>
where
    Cpu: Backend<E>,
{
    fn visit(&mut self, parameter: Parameter<'_, E, Cpu>) -> Result<(), Error> {
        self.1.extend(parameter.tensor.gradient(self.0)?.into_iter().map(Element::as_f64));
        // What is no gradient but moves in the training pass.
        self.1.extend(parameter.tensor.to_vec()?.into_iter().map(Element::as_f64));
        Ok(())
    }
}

/// A training step of a model on a batch with `padding` in its padding.
fn learn<E, M>(
    padding: f64,
    loss: impl Fn(&mut M, Masked<Traced<E>>) -> Tensor<Rank0, E, Cpu, Tape<E>>,
) -> Learnt
where
    E: Element,
    Cpu: Backend<E>,
    M: Build<E, Cpu> + Parameters<E, Cpu>,
{
    let mut model = M::build(&Cpu::seed_from_u64(5)).unwrap();
    let x = steps::<E>(padding);
    let traced = Masked::new(x.clone().put_tape(Tape::default()), mask()).unwrap();
    let loss = loss(&mut model, traced);
    let value = loss.as_vec()[0].as_f64();
    let mut gradients = loss.backward();
    gradients.try_alloc_for(&x).unwrap();
    let input = gradients.get(&x).as_vec().into_iter().map(Element::as_f64).collect();
    let mut parameters = Numbers(&mut gradients, Vec::new());
    model.visit(&mut parameters).unwrap();
    Learnt { loss: value, input, parameters: parameters.1 }
}

struct Learnt {
    loss: f64,
    /// The gradient of the input.
    input: Vec<f64>,
    /// The parameters and their gradients.
    parameters: Vec<f64>,
}

impl Learnt {
    /// The gradient of the input at the real steps, or at the others.
    fn at(&self, real: bool) -> Vec<f64> {
        let mask = mask();
        let steps = self.input.chunks(3).zip(mask.as_slice());
        steps.filter(|(_, keep)| **keep == real).flat_map(|(step, _)| step.to_vec()).collect()
    }
}

fn same(what: &str, clean: &[f64], spoilt: &[f64]) {
    assert_eq!(clean.len(), spoilt.len());
    for (i, (a, b)) in clean.iter().zip(spoilt).enumerate() {
        assert!(a.is_finite(), "{what} {i} is {a}");
        assert!((a - b).abs() < 1e-6, "{what} {i} is {b} in place of {a}");
    }
}

fn target<const F: usize, E: Element>() -> Tensor<(usize, usize, Const<F>), E, Cpu>
where
    Cpu: Backend<E>,
{
    let values = vec![E::of(0.5); ROWS * LENGTH * F];
    Cpu::default().tensor_from_vec(values, (ROWS, LENGTH, Const))
}

/// The mean square of a sequence under its mask, and of vectors.
fn under_mask<const F: usize, E: Element>(
    y: Masked<Tensor<(usize, usize, Const<F>), E, Cpu, Tape<E>>>,
) -> Tensor<Rank0, E, Cpu, Tape<E>>
where
    Cpu: Backend<E>,
{
    MeanSquaredError.compute(y, target()).unwrap()
}

fn of_vectors<const F: usize, E: Element>(
    y: Tensor<(usize, Const<F>), E, Cpu, Tape<E>>,
) -> Tensor<Rank0, E, Cpu, Tape<E>>
where
    Cpu: Backend<E>,
{
    let target = Cpu::default().tensor_from_vec(vec![E::of(0.5); ROWS * F], (ROWS, Const));
    MeanSquaredError.compute(y, target).unwrap()
}

macro_rules! layers {
    ($($name:ident: $layer:ty, $pass:ident => $against:ident;)*) => {
        $(
            #[test]
            fn $name() {
                fn both<E: Element>()
                where
                    Cpu: Backend<E>,
                {
                    let [clean, nan, infinite] = [0.0, f64::NAN, f64::INFINITY].map(|padding| {
                        learn::<E, $layer>(padding, |layer, x| $against((*layer).$pass(x).unwrap()))
                    });
                    for spoilt in [nan, infinite] {
                        same("loss", &[clean.loss], &[spoilt.loss]);
                        same("input", &clean.at(true), &spoilt.at(true));
                        same("parameter", &clean.parameters, &spoilt.parameters);
                    }
                }
                both::<f32>();
                both::<f64>();
            }
        )*
    };
}
layers! {
    lstm_sequences: Lstm<3, 2, Sequences, E>, forward => under_mask;
    lstm_last: Lstm<3, 2, LastState, E>, forward => of_vectors;
    lstm_training: (Lstm<3, 2, Sequences, E>, Lstm<2, 4, LastState, E>, Dense<4, 2, Linear, E>),
        forward_mut => of_vectors;
    average: (GlobalAveragePooling1d, Dense<3, 2, Linear, E>), forward => of_vectors;
    time_distributed: TimeDistributed<Dense<3, 2, Tanh, E>>, forward => under_mask;
    layer_norm: LayerNorm<3, E>, forward => under_mask;
    batch_norm: BatchNorm<3, E>, forward => under_mask;
    batch_norm_training: BatchNorm<3, E>, forward_mut => under_mask;
    softmax: Softmax, forward => under_mask;
    dropout: Dropout<0>, forward_mut => under_mask;
    chain: (Linear, LayerNorm<3, E>, TimeDistributed<Dense<3, 3, Softmax, E>>, BatchNorm<3, E>,
        Lstm<3, 2, Sequences, E>), forward_mut => under_mask;
}

/// Loss and gradient of each loss, with weights: at masked steps the gradient is exactly 0.
fn loss<Y, E, L>(loss: L, target: <Y as Signal>::Data<E, Cpu, NoneTape>)
where
    Y: Signal,
    E: Element,
    Cpu: Backend<E>,
    L: Loss<Masked<Steps>, Y, E, Cpu>,
{
    let weights = PerStep::new(vec![1.5; ROWS * LENGTH], LENGTH).unwrap();
    let [clean, nan, infinite] = [0.5, f64::NAN, f64::INFINITY].map(|padding| {
        learn::<E, Linear>(padding, |_, x| loss.mean(x, &target, &weights).unwrap())
    });
    for spoilt in [nan, infinite] {
        same("loss", &[clean.loss], &[spoilt.loss]);
        same("input", &clean.at(true), &spoilt.at(true));
        assert!(spoilt.at(false).iter().all(|&g| g == 0.0), "{:?}", spoilt.at(false));
    }
}

fn losses<E: Element>()
where
    Cpu: Backend<E>,
{
    let one_hot = || {
        let values = (0..ROWS * LENGTH * 3).map(|i| E::of(f64::from(u8::from(i % 3 == 1))));
        Cpu::default().tensor_from_vec(values.collect(), (ROWS, LENGTH, Const))
    };
    loss::<Steps, E, _>(MeanSquaredError, one_hot());
    loss::<Steps, E, _>(MeanAbsoluteError, one_hot());
    loss::<Steps, E, _>(BinaryCrossentropy::default(), one_hot());
    loss::<Steps, E, _>(BinaryCrossentropy::from_logits(), one_hot());
    loss::<Steps, E, _>(CategoricalCrossentropy::default(), one_hot());
    loss::<Steps, E, _>(CategoricalCrossentropy::from_logits(), one_hot());
    let labels = || Cpu::default().tensor_from_vec(vec![1; ROWS * LENGTH], (ROWS, LENGTH));
    type Labels = Ids<(usize, usize)>;
    loss::<Labels, E, _>(SparseCategoricalCrossentropy::default(), labels());
    loss::<Labels, E, _>(SparseCategoricalCrossentropy::from_logits(), labels());
}

#[test]
fn losses_single() {
    losses::<f32>();
}

#[test]
fn losses_double() {
    losses::<f64>();
}

#[test]
fn metrics() {
    fn check(metric: &dyn Metric<Masked<Steps>, Steps, State = Mean>) {
        let [clean, nan] = [0.5, f64::NAN].map(|padding| {
            let mut mean = Mean::default();
            let x = Masked::new(steps::<f32>(padding), mask()).unwrap();
            metric::update::<Masked<Steps>, Steps, f32, Cpu, _>(
                &mut mean,
                metric,
                x,
                &target(),
                &Unweighted,
            )
            .unwrap();
            mean.get()
        });
        assert_eq!(clean, nan);
    }
    check(&BinaryAccuracy::default());
    check(&CategoricalAccuracy);
    check(&MeanLoss(MeanSquaredError));
    check(&MeanLoss(MeanAbsoluteError));
}
