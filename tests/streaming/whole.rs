//! Step by step is the whole sequence at once, whatever the model, the batch, the length and the mask.

use kerata::{
    Add, AlphaDropout, Average, Backend, Batch, BatchNorm, Causal, Concatenate, Conv1d, Cpu, Dense,
    Dropout, Element, Embedding, Error, GaussianDropout, GaussianNoise, Groups, Gru, Identity, Ids,
    LastState, Layer, LayerNorm, Length, Lstm, Mask, MaskZero, Masked, Masking, Maximum, Minimum,
    Multiply, Relu, ResetBefore, RmsNorm, Sequences, Sigmoid, SimpleRnn, Softmax, SpatialDropout1d,
    Subtract, Tanh, Tensor, TimeDistributed, UnitNorm, Unmask, model,
    model::{Sequential, StreamModel},
    parameters::{Parameter, Visitor},
    prelude::*,
    shape::{Const, HasShape},
    signal::Signal,
};
use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Gives every parameter other values, so that biases and statistics count too.
struct Shake(StdRng);

impl<E: Element> Visitor<E, Cpu> for Shake
where
    Cpu: Backend<E>,
{
    fn visit(&mut self, parameter: Parameter<'_, E, Cpu>) -> Result<(), Error> {
        let least = if parameter.name == "moving_variance" { 0.5 } else { -0.9 };
        let n = parameter.tensor.len();
        let values: Vec<E> = (0..n).map(|_| E::of(self.0.gen_range(least..0.9))).collect();
        parameter.tensor.assign(&values)?;
        Ok(())
    }
}

pub(crate) fn built<M: Build<E, Cpu> + Parameters<E, Cpu>, E: Element>(seed: u64) -> M
where
    Cpu: Backend<E>,
{
    let mut model = M::build(&Cpu::seed_from_u64(seed)).unwrap();
    model.visit(&mut Shake(StdRng::seed_from_u64(seed))).unwrap();
    model
}

/// What comes out at a step, as plain values.
pub(crate) trait Values<E> {
    fn values(self) -> Vec<f64>;
}

impl<E: Element, const F: usize> Values<E> for &[[E; F]] {
    fn values(self) -> Vec<f64> {
        self.as_flattened().iter().map(|v| v.as_f64()).collect()
    }
}

impl<E: Element, const F: usize> Values<E> for (&[[E; F]], &[bool]) {
    fn values(self) -> Vec<f64> {
        let mask = self.1.iter().map(|&keep| f64::from(u8::from(keep)));
        self.0.values().into_iter().chain(mask).collect()
    }
}

/// What a model gives at the last step of a sequence.
pub(crate) trait Last<E> {
    fn last(self) -> Vec<f64>;
}

impl<E: Element, const F: usize> Last<E> for Tensor<(usize, Const<F>), E, Cpu>
where
    Cpu: Backend<E>,
{
    fn last(self) -> Vec<f64> {
        self.as_vec().iter().map(|v| v.as_f64()).collect()
    }
}

impl<E: Element, const F: usize> Last<E> for Tensor<(usize, usize, Const<F>), E, Cpu>
where
    Cpu: Backend<E>,
{
    fn last(self) -> Vec<f64> {
        let (_, length, _) = *self.shape();
        let values = self.as_vec();
        let rows = values.chunks(length * F).flat_map(|row| &row[(length - 1) * F..]);
        rows.map(|v| v.as_f64()).collect()
    }
}

impl<E: Element, const F: usize> Last<E> for Masked<Tensor<(usize, usize, Const<F>), E, Cpu>>
where
    Cpu: Backend<E>,
{
    fn last(self) -> Vec<f64> {
        let (values, mask) = self.into_parts();
        let last = (0..mask.batch()).map(|row| mask.row(row)[mask.length() - 1]);
        values.last().into_iter().chain(last.map(|keep| f64::from(u8::from(keep)))).collect()
    }
}

pub(crate) fn close(t: usize, a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() < tolerance, "step {t}, value {i}: {a} {b}");
    }
}

/// A batch: ids, features and mask, each `rows * length` steps.
#[derive(Debug, Clone)]
struct Sequence {
    seed: u64,
    rows: usize,
    length: usize,
    ids: Vec<usize>,
    mask: Vec<bool>,
}

const FEATURES: usize = 3;
const WORDS: usize = 7;

impl Sequence {
    fn some() -> impl Strategy<Value = Self> {
        (0..1000_u64, 1..4_usize, 1..8_usize).prop_flat_map(|(seed, rows, length)| {
            let ids = prop::collection::vec(0..WORDS, rows * length);
            let mask = prop::collection::vec(any::<bool>(), rows * length);
            (ids, mask).prop_map(move |(ids, mask)| Self { seed, rows, length, ids, mask })
        })
    }

    fn features<E: Element>(&self) -> Vec<[E; FEATURES]> {
        let mut random = StdRng::seed_from_u64(self.seed);
        let mut value = || {
            // `Masking` finds some steps.
            if random.gen_bool(0.3) { 0.0 } else { random.gen_range(-1.0..1.0) }
        };
        (0..self.ids.len()).map(|_| std::array::from_fn(|_| E::of(value()))).collect()
    }

    /// The first steps of all rows.
    fn until<T: Clone>(&self, t: usize, values: &[T]) -> Vec<T> {
        values.chunks(self.length).flat_map(|row| row[..=t].to_vec()).collect()
    }

    /// One step of all rows.
    fn at<T: Copy>(&self, t: usize, values: &[T]) -> Vec<T> {
        values.chunks(self.length).map(|row| row[t]).collect()
    }

    fn tensor<E: Element>(&self, t: usize) -> Tensor<(usize, usize, Const<FEATURES>), E, Cpu>
    where
        Cpu: Backend<E>,
    {
        let values = self.until(t, &self.features::<E>()).into_flattened();
        Cpu::default().tensor_from_vec(values, (self.rows, t + 1, Const))
    }
}

type OfIds = Ids<(usize, usize)>;
type Plain = (usize, usize, Const<FEATURES>);

fn on_ids<M, E: Element>(case: &Sequence, tolerance: f64)
where
    Cpu: Backend<E>,
    M: StreamModel<E, Cpu, Input = OfIds> + Build<E, Cpu>,
    for<'a> <M::Output as kerata::signal::StepRows>::Rows<'a, E>: Values<E>,
    <M::Output as Signal>::Data<E, Cpu, kerata::tensor::NoneTape>: Last<E>,
{
    let model: M = built(case.seed);
    let mut stream = model.stream(case.rows).unwrap();
    for t in 0..case.length {
        let found = stream.step(&case.at(t, &case.ids)).unwrap().values();
        let ids = case.until(t, &case.ids);
        let x = Cpu::default().tensor_from_vec(ids, (case.rows, t + 1));
        let whole = Layer::<OfIds, E, Cpu>::call(&model, x).unwrap().last();
        close(t, &found, &whole, tolerance);
    }
}

fn on_features<M, E: Element>(case: &Sequence, tolerance: f64)
where
    Cpu: Backend<E>,
    M: StreamModel<E, Cpu, Input = Plain> + Build<E, Cpu>,
    for<'a> <M::Output as kerata::signal::StepRows>::Rows<'a, E>: Values<E>,
    <M::Output as Signal>::Data<E, Cpu, kerata::tensor::NoneTape>: Last<E>,
{
    let model: M = built(case.seed);
    let mut stream = model.stream(case.rows).unwrap();
    for t in 0..case.length {
        let found = stream.step(&case.at(t, &case.features::<E>())).unwrap().values();
        let whole = Layer::<Plain, E, Cpu>::call(&model, case.tensor(t)).unwrap().last();
        close(t, &found, &whole, tolerance);
    }
}

fn on_masked<M, E: Element>(case: &Sequence, tolerance: f64)
where
    Cpu: Backend<E>,
    M: StreamModel<E, Cpu, Input = Masked<Plain>> + Build<E, Cpu>,
    for<'a> <M::Output as kerata::signal::StepRows>::Rows<'a, E>: Values<E>,
    <M::Output as Signal>::Data<E, Cpu, kerata::tensor::NoneTape>: Last<E>,
{
    let model: M = built(case.seed);
    let mut stream = model.stream(case.rows).unwrap();
    for t in 0..case.length {
        let x = case.at(t, &case.features::<E>());
        let found = stream.step((&x, &case.at(t, &case.mask))).unwrap().values();
        let mask = Mask::from_bools(case.until(t, &case.mask), case.rows, t + 1).unwrap();
        let x = Masked::new(case.tensor(t), mask).unwrap();
        let whole = Layer::<Masked<Plain>, E, Cpu>::call(&model, x).unwrap().last();
        close(t, &found, &whole, tolerance);
    }
}

#[model(input = Ids<(Batch, Length)>, output = (Batch, 5))]
struct Letters {
    embed: Embedding<7, 3, MaskZero>,
    first: Lstm<_, 4, Sequences>,
    drop: Dropout<20>,
    channels: SpatialDropout1d<20>,
    #[with(stddev = 0.5)]
    noise: GaussianNoise,
    more: GaussianDropout<20>,
    unit: UnitNorm,
    alpha: AlphaDropout<20>,
    second: Gru<_, 4, Sequences>,
    #[from(first, second)]
    both: Concatenate<_>,
    norm: LayerNorm<_>,
    last: SimpleRnn<_, 6>,
    #[with(use_bias = false)]
    head: Dense<_, 5, Softmax>,
}

#[model(input = Ids<(Batch, Length)>, output = (Batch, Length, 4))]
struct Convolved {
    embed: Embedding<7, 3>,
    first: Conv1d<_, 4, 3, Relu, Causal>,
    wide: Conv1d<_, 4, 2, Tanh, Causal, 1, 3, Groups<2>>,
    #[from(first, wide)]
    sum: Add,
    #[with(use_bias = false)]
    one: Conv1d<_, 4, 1, Softmax, Causal>,
    norm: BatchNorm<_>,
    rms: RmsNorm<_>,
}

/// Every merge, under masks that differ.
#[model(input = Ids<(Batch, Length)>, output = Masked<(Batch, Length, 9)>)]
struct Merges {
    words: Embedding<7, 3, MaskZero>,
    #[from(input)]
    others: Embedding<7, 3>,
    zeros: Masking,
    #[from(words, zeros)]
    sum: Add,
    #[from(words, zeros)]
    difference: Subtract,
    #[from(sum, difference)]
    mean: Average,
    #[from(mean, zeros)]
    product: Multiply,
    #[from(product, words)]
    most: Maximum,
    #[from(most, zeros)]
    least: Minimum,
    #[from(words, least, zeros)]
    sums: Add,
    #[from(words, sums, zeros, mean)]
    means: Average,
    #[from(zeros, words, means)]
    products: Multiply,
    #[from(zeros, products, words)]
    highest: Maximum,
    #[from(words, zeros, highest)]
    lowest: Minimum,
    same: Identity,
    sigmoid: Sigmoid,
    #[from(sigmoid, words, zeros)]
    all: Concatenate<_>,
}

#[model(input = Masked<(Batch, Length, 3)>, output = Masked<(Batch, Length, 2)>)]
struct Tagger {
    norm: BatchNorm<_>,
    relu: Relu,
    gru: Gru<_, 4, Sequences, ResetBefore>,
    #[with(zero_output_for_mask = true)]
    lstm: Lstm<_, 5, Sequences>,
    each: TimeDistributed<Dense<_, 2, Tanh>>,
    rnn: SimpleRnn<_, 2, Sequences>,
    softmax: Softmax,
}

#[model(input = Masked<(Batch, Length, 3)>, output = (Batch, 2))]
struct Zeros {
    #[with(zero_output_for_mask = true)]
    lstm: Lstm<_, 2>,
}

#[model(input = Masked<(Batch, Length, 3)>, output = (Batch, Length, 2))]
struct Unmasked {
    norm: LayerNorm<_>,
    unmask: Unmask,
    gru: Gru<_, 2, Sequences>,
}

/// A model within a model, with sizes that are parameters.
#[model(input = (Batch, Length, 3), output = (Batch, Length, UNITS))]
struct Inside<const UNITS: usize> {
    lstm: Lstm<3, UNITS, Sequences>,
    gru: Gru<UNITS, UNITS, Sequences>,
}

#[model(input = (Batch, Length, 3), output = (Batch, 4))]
struct Outside {
    inside: Inside<5>,
    tail: (Lstm<5, 4, Sequences>, SimpleRnn<4, 4>),
}

#[model(input = Ids<(Batch, Length)>, output = (Batch, 5), element = f64)]
struct Letters64 {
    embed: Embedding<7, 3, MaskZero, f64>,
    first: Lstm<_, 4, Sequences, f64>,
    second: Gru<_, 4, Sequences, kerata::ResetAfter, f64>,
    #[from(first, second)]
    both: Concatenate<_>,
    norm: LayerNorm<_, f64>,
    before: Gru<_, 4, Sequences, ResetBefore, f64>,
    last: SimpleRnn<_, 6, LastState, f64>,
    head: Dense<_, 5, Softmax, f64>,
}

#[model(input = (Batch, Length, 3), output = (Batch, Length, 2), element = f64)]
struct Convolved64 {
    first: Conv1d<_, 4, 3, Sigmoid, Causal, 1, 2, kerata::OneGroup, f64>,
    norm: BatchNorm<_, f64>,
    each: TimeDistributed<Dense<_, 2, Relu, f64>>,
}

type Tuple = Sequential<Plain, (Lstm<3, 4, Sequences>, Gru<4, 3>, Dense<3, 2>)>;
type One = Sequential<Plain, (Gru<3, 4, Sequences>,)>;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn of_ids(case in Sequence::some()) {
        on_ids::<Letters, f32>(&case, 2e-6);
        on_ids::<Convolved, f32>(&case, 2e-6);
        on_ids::<Merges, f32>(&case, 2e-6);
    }

    #[test]
    fn of_features(case in Sequence::some()) {
        on_features::<Outside, f32>(&case, 2e-6);
        on_features::<Tuple, f32>(&case, 2e-6);
        on_features::<One, f32>(&case, 2e-6);
    }

    #[test]
    fn under_masks(case in Sequence::some()) {
        on_masked::<Tagger, f32>(&case, 2e-6);
        on_masked::<Zeros, f32>(&case, 2e-6);
        on_masked::<Unmasked, f32>(&case, 2e-6);
    }

    #[test]
    fn in_double_precision(case in Sequence::some()) {
        on_ids::<Letters64, f64>(&case, 1e-13);
        on_features::<Convolved64, f64>(&case, 1e-13);
    }
}

/// A layer that was told at run time to go backwards is refused when the stream is made.
#[test]
fn backwards_at_run_time() -> Result<(), Error> {
    let mut model: One = built::<_, f32>(1);
    model.layers.0.go_backwards = true;
    let error = model.stream(1).map(|_| ()).unwrap_err().to_string();
    assert!(error.starts_with("go_backwards is true: a stream does not have the end"), "{error}");
    Ok(())
}

/// The weights are those of when the stream was made.
#[test]
fn later_weights_do_not_count() -> Result<(), Error> {
    let mut model: Tuple = built::<_, f32>(1);
    let mut stream = model.stream(1)?;
    let mut same = model.stream(1)?;
    let x = [[0.5, -0.5, 0.25]];
    let first = stream.step(&x)?.to_vec();
    model.visit(&mut Shake(StdRng::seed_from_u64(9)))?;
    assert_eq!(same.step(&x)?, first);
    assert_ne!(model.stream(1)?.step(&x)?, first);
    Ok(())
}
