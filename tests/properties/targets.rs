//! Targets, labels and weights in the padding do not matter, whatever they are.

use dfdx::{
    prelude::Backward,
    tensor::{NoneTape, OwnedTape, PutTape, TensorFromVec},
};
use kerata::{
    Backend, Cpu, Dense, Element, Embedding, Error, Ids, Lstm, Mask, MaskZero, Masked, Sequences,
    Softmax, Tensor, TimeDistributed,
    data::InMemory,
    loss::{
        BinaryCrossentropy, CategoricalCrossentropy, Loss, MeanAbsoluteError, MeanSquaredError,
        SparseCategoricalCrossentropy,
    },
    metric::{
        self, BinaryAccuracy, CategoricalAccuracy, MeanLoss, Metric, SparseCategoricalAccuracy,
    },
    model,
    optim::Sgd,
    prelude::*,
    reduce::{Mean, PerSample, PerStep, Unweighted},
    shape::Const,
    signal::Signal,
    train::{Fit, Trainer},
};

type Steps = (usize, usize, Const<3>);
type Labels = Ids<(usize, usize)>;

const ROWS: usize = 4;
const LENGTH: usize = 3;

/// Rows: all real, right padding, a gap, nothing real.
fn mask() -> Mask {
    let rows = ["###", "#..", "#.#", "..."].concat();
    let keep: Vec<bool> = rows.chars().map(|c| c == '#').collect();
    Mask::from_bools(keep, ROWS, LENGTH).unwrap()
}

/// Values that are `padding` where nothing is real.
fn with_padding<V: Copy>(each: usize, real: impl Fn(usize) -> V, padding: V) -> Vec<V> {
    let mask = mask();
    let keep = |i: usize| mask.as_slice()[i / each];
    (0..ROWS * LENGTH * each).map(|i| if keep(i) { real(i) } else { padding }).collect()
}

fn prediction<E: Element>() -> Tensor<Steps, E, Cpu>
where
    Cpu: Backend<E>,
{
    let share = |i: usize| E::of(((i * 7919 + 13) % 97) as f64 / 200.0 + 0.1);
    let values = (0..ROWS * LENGTH * 3).map(share).collect();
    Cpu::default().tensor_from_vec(values, (ROWS, LENGTH, Const))
}

/// The loss, its gradient and the metric of a target.
fn measure<Y, E, L>(
    loss: L,
    metric: &dyn Metric<Masked<Steps>, Y, E, State = Mean>,
    target: Target<Y, E>,
) -> Vec<f64>
where
    Y: Signal,
    E: Element,
    Cpu: Backend<E>,
    L: Loss<Masked<Steps>, Y, E, Cpu> + Copy,
{
    let x = prediction::<E>();
    let traced = Masked::new(x.clone().put_tape(OwnedTape::default()), mask()).unwrap();
    let value = loss.mean(traced, &target, &Unweighted).unwrap();
    let mut all = vec![value.as_vec()[0].as_f64()];
    let gradients = value.backward();
    all.extend(gradients.get(&x).as_vec().into_iter().map(Element::as_f64));
    let plain = || Masked::new(x.clone(), mask()).unwrap();
    let weights = PerStep::new(with_padding(1, |i| i as f32, f32::NAN), LENGTH).unwrap();
    all.push(loss.mean(plain(), &target, &weights).unwrap().as_vec()[0].as_f64());
    for metric in [metric, &MeanLoss(loss)] {
        let mut mean = Mean::default();
        metric::update(&mut mean, metric, plain(), &target, &Unweighted).unwrap();
        all.push(mean.get());
        metric::update(&mut mean, metric, plain(), &target, &weights).unwrap();
        all.push(mean.get());
    }
    assert!(all.iter().all(|x| x.is_finite()), "{all:?}");
    all
}

type Target<Y, E> = <Y as Signal>::Data<E, Cpu, NoneTape>;

fn of_numbers<E: Element, L>(loss: L, metric: &dyn Metric<Masked<Steps>, Steps, E, State = Mean>)
where
    Cpu: Backend<E>,
    L: Loss<Masked<Steps>, Steps, E, Cpu> + Copy,
{
    let target = |padding: f64| {
        let values = with_padding(3, |i| E::of(f64::from(u8::from(i % 4 == 1))), E::of(padding));
        Cpu::default().tensor_from_vec(values, (ROWS, LENGTH, Const))
    };
    let clean = measure::<Steps, E, _>(loss, metric, target(0.0));
    for padding in [1.0, -7.0, 1e38, f64::INFINITY, f64::NAN] {
        assert_eq!(measure::<Steps, E, _>(loss, metric, target(padding)), clean, "{padding}");
    }
}

fn of_labels<E: Element>()
where
    Cpu: Backend<E>,
{
    let target = |padding| {
        let labels = with_padding(1, |i| i % 3, padding);
        Cpu::default().tensor_from_vec(labels, (ROWS, LENGTH))
    };
    for loss in
        [SparseCategoricalCrossentropy::default(), SparseCategoricalCrossentropy::from_logits()]
    {
        let clean = measure::<Labels, E, _>(loss, &SparseCategoricalAccuracy, target(0));
        for padding in [2, 3, 255, usize::MAX] {
            let found = measure::<Labels, E, _>(loss, &SparseCategoricalAccuracy, target(padding));
            assert_eq!(found, clean, "{padding}");
        }
    }
}

fn all<E: Element>()
where
    Cpu: Backend<E>,
{
    of_numbers::<E, _>(MeanSquaredError, &BinaryAccuracy::default());
    of_numbers::<E, _>(MeanAbsoluteError, &BinaryAccuracy::default());
    of_numbers::<E, _>(BinaryCrossentropy::default(), &BinaryAccuracy::default());
    of_numbers::<E, _>(BinaryCrossentropy::from_logits(), &BinaryAccuracy::default());
    of_numbers::<E, _>(CategoricalCrossentropy::default(), &CategoricalAccuracy);
    of_numbers::<E, _>(CategoricalCrossentropy::from_logits(), &CategoricalAccuracy);
    of_labels::<E>();
}

#[test]
fn targets_single() {
    all::<f32>();
}

#[test]
fn targets_double() {
    all::<f64>();
}

/// At a real step a label without a class is an error, under a weight of 0 too.
#[test]
fn labels_at_real_steps() {
    let mut labels = with_padding(1, |i| i % 3, usize::MAX);
    labels[3] = 255;
    let labels = Cpu::default().tensor_from_vec(labels, (ROWS, LENGTH));
    let x = || Masked::new(prediction::<f32>(), mask()).unwrap();
    let loss = SparseCategoricalCrossentropy::default();
    let error = Error::LabelOutOfRange { label: 255, classes: 3, position: 3 };
    assert_eq!(loss.compute(x(), labels.clone()).unwrap_err(), error);
    let weights = PerSample(vec![1.0, 0.0, 1.0, 1.0]);
    assert_eq!(loss.compute_weighted(x(), labels, &weights).unwrap_err(), error);
}

/// A weight that is no number is an error at a real step only.
#[test]
fn weights_at_real_steps() {
    let target = Cpu::default().tensor_from_vec(vec![0.0_f32; 36], (ROWS, LENGTH, Const));
    let x = || Masked::new(prediction::<f32>(), mask()).unwrap();
    let weights = PerSample(vec![1.0, 1.0, 1.0, f32::NAN]);
    MeanSquaredError.compute_weighted(x(), target.clone(), &weights).unwrap();
    let weights = PerSample(vec![1.0, f32::INFINITY, 1.0, 1.0]);
    let error = MeanSquaredError.compute_weighted(x(), target, &weights).unwrap_err();
    assert_eq!(error.to_string(), "the weight of position 3 is inf, which is not finite");
}

#[model(input = Ids<(kerata::Batch, 3)>, output = Masked<(kerata::Batch, 3, 4)>)]
struct Tagger {
    embed: Embedding<5, 3, MaskZero>,
    lstm: Lstm<_, 4, Sequences>,
    head: TimeDistributed<Dense<4, 4, Softmax>>,
}

#[test]
fn training_on_labels_with_padding() -> Result<(), Error> {
    let train = |padding: usize| {
        let labels = vec![[1, 3, padding], [2, padding, padding], [0, 1, 2]];
        let data = InMemory::new(vec![[1_usize, 2, 0], [4, 0, 0], [3, 1, 2]], labels)?;
        let model = Tagger::build(&Cpu::seed_from_u64(3))?;
        let loss = SparseCategoricalCrossentropy::default();
        let trainer = Trainer::new(model, loss, Sgd::new(0.5))?;
        let mut trainer = trainer.metric(SparseCategoricalAccuracy).weighted_metric(MeanLoss(loss));
        let history = trainer.fit(&data, &Fit { progress: false, ..Fit::epochs(4) })?;
        let measured = trainer.evaluate(&data, 2)?;
        Ok::<_, Error>((history, measured, trainer.model.head.layer.kernel.as_vec()))
    };
    let clean = train(0)?;
    for padding in [3, 4, 255, usize::MAX] {
        assert_eq!(train(padding)?, clean, "{padding}");
    }
    Ok(())
}
