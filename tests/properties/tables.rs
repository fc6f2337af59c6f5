//! Steps that move only the rows of a table that are in their batch give what steps of the whole table give.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use kerata::{
    Batch, Cpu, Dense, Element, Embedding, EmbeddingBag, Error, Flatten, Ids, MaskZero,
    data::InMemory,
    layer,
    layer::Layer,
    loss::MeanSquaredError,
    model,
    optim::{
        Adadelta, Adagrad, Adam, AdamW, Bounds, Fading, LearningRate, LearningRateSchedule, Moment,
        Optimizer, Options, RMSprop, Sgd, Slot, State, Update, schedules::ExponentialDecay,
    },
    parameters::{Parameter, Visitor},
    prelude::*,
    shape::Const,
    tensor::{MeanTo, OwnedTape, PermuteTo, PutTape, Rank0, Rank2, SumTo, Tape, Tensor, TryMatMul},
    train::{Fit, Trainer},
};

pub(crate) const ROWS: usize = 500;
/// More than it takes an Adam to fade away.
const STEPS: usize = 200;

#[model(input = Ids<(Batch, 3)>, output = (Batch, 1))]
pub(crate) struct Net {
    embed: Embedding<ROWS, 4>,
    flat: Flatten<_>,
    head: Dense<_, 1>,
}

#[model(input = Ids<(Batch, 3)>, output = (Batch, 1))]
struct Bag {
    embed: EmbeddingBag<ROWS, 4, MaskZero>,
    head: Dense<_, 1>,
}

/// An optimiser that counts the values it moves, and may move whole tables only.
#[derive(Debug, Clone)]
pub(crate) struct Counting<O> {
    of: O,
    whole: bool,
    moved: Arc<AtomicUsize>,
}

impl<O: Optimizer> Counting<O> {
    fn new(of: O, whole: bool) -> Self {
        Self { of, whole, moved: Arc::default() }
    }
}

impl<O: Optimizer> Optimizer for Counting<O> {
    fn name(&self) -> &'static str {
        self.of.name()
    }

    fn learning_rate(&self) -> &LearningRate {
        self.of.learning_rate()
    }

    fn learning_rate_mut(&mut self) -> &mut LearningRate {
        self.of.learning_rate_mut()
    }

    fn options(&self) -> Options<'_> {
        self.of.options()
    }

    fn check(&self) -> Result<(), Error> {
        self.of.check()
    }

    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        self.of.slots(shape)
    }

    fn update<E: Element>(&self, update: Update<'_, E>) -> Result<(), Error> {
        self.moved.fetch_add(update.weights.len(), Ordering::Relaxed);
        self.of.update(update)
    }

    fn is_elementwise(&self) -> bool {
        self.of.is_elementwise()
    }

    fn fading<E: Element>(&self) -> Option<Fading> {
        if self.whole { None } else { self.of.fading::<E>() }
    }

    fn bounds<E: Element>(&self, moment: &Moment, gradient: f64) -> Option<Bounds> {
        self.of.bounds::<E>(moment, gradient)
    }
}

/// Random numbers that need no crate.
fn random(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize
}

/// Few ids often, others seldom, and some again after long.
pub(crate) fn ids(steps: usize, rows: usize, seed: u64) -> Vec<[usize; 3]> {
    let mut state = seed;
    let mut id = |step: usize| match random(&mut state) % 4 {
        0 => random(&mut state) % 3,
        1 => rows - 1 - random(&mut state) % 20,
        2 => step % (rows / 2),
        _ => random(&mut state) % rows,
    };
    (0..2 * steps).map(|row| [(); 3].map(|()| id(row / 2))).collect()
}

type Data = InMemory<Vec<[usize; 3]>, Vec<[f32; 1]>>;

pub(crate) fn data(steps: usize, seed: u64) -> Data {
    let mut state = seed + 1;
    let y = (0..2 * steps).map(|_| [random(&mut state) as f32 / (1_u64 << 30) as f32 - 1.0]);
    InMemory::new(ids(steps, ROWS, seed), y.collect()).unwrap()
}

pub(crate) const FIT: Fit = Fit {
    epochs: 1,
    initial_epoch: 0,
    batch_size: 2,
    shuffle: false,
    seed: 0,
    steps_per_epoch: None,
    validation_steps: None,
    validation_batch_size: None,
    validation_freq: 1,
    progress: false,
};

type Trained<M, O> = Trainer<M, MeanSquaredError, Counting<O>, (Batch, Const<1>)>;

/// The values after a training, the moments, and how many were moved.
pub(crate) fn trained<M, O>(
    optimizer: O,
    whole: bool,
    run: impl FnOnce(Trained<M, O>) -> Trained<M, O>,
) -> (Vec<f32>, Vec<f32>, usize)
where
    M: Model<Input = Ids<(Batch, Const<3>)>, Output = (Batch, Const<1>)> + Build,
    O: Optimizer,
{
    let model = M::build(&Cpu::seed_from_u64(3)).unwrap();
    let trainer = Trainer::new(model, MeanSquaredError, Counting::new(optimizer, whole)).unwrap();
    let mut trainer = run(trainer);
    let mut slots = Vec::new();
    trainer.state.visit_slots(&trainer.model, |slot| slots.extend_from_slice(slot.values)).unwrap();
    let moved = trainer.optimizer.moved.load(Ordering::Relaxed);
    (values(&trainer.model), slots, moved)
}

pub(crate) fn values<M: Parameters>(model: &M) -> Vec<f32> {
    struct All(Vec<f32>);
    impl Visitor<f32, Cpu> for All {
        fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
            self.0.extend(parameter.tensor.to_vec()?);
            Ok(())
        }
    }
    let mut all = All(Vec::new());
    model.clone().visit(&mut all).unwrap();
    all.0
}

/// All numbers are the same.
pub(crate) fn assert_same(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    let differ = found.iter().zip(expected).filter(|(a, b)| a != b).count();
    if let Some(at) = found.iter().zip(expected).position(|(a, b)| a != b) {
        panic!("{what}: {at}: {} {}, {differ} differ", found[at], expected[at]);
    }
}

/// The reference moves whole tables.
pub(crate) fn moves_fewer(what: &str, found: usize, expected: usize) {
    match std::env::var("KERATA_BACKEND").is_ok_and(|name| name == "reference") {
        true => assert_eq!(found, expected, "{what}"),
        false => assert!(found < expected, "{what}: {found} of {expected}"),
    }
}

fn check<O: Optimizer>(what: &str, optimizer: O) {
    check_of::<Net, O>(what, &optimizer);
}

fn check_of<M, O>(what: &str, optimizer: &O)
where
    M: Model<Input = Ids<(Batch, Const<3>)>, Output = (Batch, Const<1>)> + Build,
    O: Optimizer,
{
    let data = data(STEPS, what.len() as u64);
    let [found, expected] = [false, true].map(|whole| {
        trained::<M, O>(optimizer.clone(), whole, |mut trainer| {
            trainer.fit(&data, &FIT).unwrap();
            trainer
        })
    });
    assert_same(what, &found.0, &expected.0);
    assert_same(what, &found.1, &expected.1);
    assert_eq!(expected.2, M::PARAMS * STEPS);
    // All values were moved in all steps there.
    moves_fewer(what, found.2, expected.2);
}

#[test]
fn bags() {
    check_of::<Bag, _>("bags, adam", &AdamW::new(0.01, 0.01));
}

#[test]
fn adam() {
    check("adam", Adam::new(0.01));
    check("amsgrad", Adam { amsgrad: true, ..Adam::new(0.01) });
    check("fast", Adam { beta_1: 0.5, beta_2: 0.9, ..Adam::new(0.01) });
    check("adamw", AdamW::default());
    check("adamw of much", AdamW::new(0.01, 0.2));
    check("momentum of nothing", Adam { beta_1: 0.0, ..Adam::new(0.01) });
}

#[test]
fn others() {
    check("sgd", Sgd::new(0.1));
    check("sgd, decay", Sgd { weight_decay: Some(0.01), ..Sgd::new(0.1) });
    check("momentum", Sgd { momentum: 0.9, ..Sgd::new(0.05) });
    check("nesterov", Sgd { momentum: 0.8, nesterov: true, ..Sgd::new(0.05) });
    check("rmsprop", RMSprop::new(0.01));
    check("rmsprop, momentum", RMSprop { momentum: 0.9, ..RMSprop::new(0.003) });
    check("adagrad", Adagrad::new(0.1));
    check("adadelta", Adadelta::new(1.0));
}

#[test]
fn clipped() {
    check("norm", Adam { clipnorm: Some(0.1), ..Adam::new(0.01) });
    check("value", Sgd { clipvalue: Some(0.02), momentum: 0.9, ..Sgd::new(0.1) });
    check("all", Adam { global_clipnorm: Some(0.1), ..Adam::new(0.01) });
    check("all, decay", AdamW(Adam { global_clipnorm: Some(0.1), ..AdamW::new(0.01, 0.1).0 }));
}

/// Falls for long, and is as high as before for a while.
#[derive(Debug)]
struct Restarts;

impl LearningRateSchedule for Restarts {
    fn rate(&self, step: usize) -> f64 {
        [1e-6, 1e-2, 0.0, 1e-2][step / 40 % 4] * (1.0 + step as f64 / 100.0)
    }
}

#[test]
fn learning_rates_that_change() {
    check("falls", Adam::new(ExponentialDecay::new(0.05, 50.0, 0.5)));
    check("restarts", Adam::new(Restarts));
    check("restarts, decay", AdamW::new(Restarts, 0.1));
    check("restarts", Sgd { momentum: 0.9, ..Sgd::new(Restarts) });
    check("restarts", RMSprop { momentum: 0.5, ..RMSprop::new(Restarts) });
}

/// A layer of the user's own that reads the whole table that it holds, too.
#[layer]
struct Tied {
    #[inner(by_hand)]
    embed: Embedding<ROWS, 4>,
}

impl Layer<Ids<(Batch, Const<3>)>> for Tied {
    type Out = (Batch, Const<ROWS>);

    fn call<T: Tape<f32, Cpu>>(
        &self,
        ids: Tensor<(Batch, Const<3>), usize, Cpu, T>,
    ) -> Result<Tensor<(Batch, Const<ROWS>), f32, Cpu, T>, Error> {
        let rows = Layer::<Ids<(Batch, Const<3>)>>::call(&self.embed, ids)?;
        let table = self.embed.embeddings.retaped::<T>();
        let means: Tensor<(Batch, Const<4>), f32, Cpu, T> = rows.try_mean()?;
        Ok(means.try_matmul(table.try_permute::<Rank2<4, ROWS>, _>()?)?)
    }
}

#[model(input = Ids<(Batch, 3)>, output = (Batch, 1))]
struct TiedNet {
    tied: Tied,
    head: Dense<ROWS, 1>,
}

#[test]
fn a_table_that_is_read_in_another_way() {
    let data = data(30, 4);
    let [found, expected] = [false, true].map(|whole| {
        trained::<TiedNet, _>(Adam::new(0.01), whole, |mut trainer| {
            trainer.fit(&data, &FIT).unwrap();
            trainer
        })
    });
    assert_eq!(found, expected);
    assert_eq!(found.2, TiedNet::PARAMS * 30);
}

/// In a loop of the user's own the gradient is of the whole table, and so is the model after each step.
#[test]
fn loops_of_ones_own() {
    const LARGE: usize = 66_000;
    type Large = (Embedding<LARGE, 64>,);
    let dev = Cpu::default();
    let steps = [0, 1, 7, 0];
    let [found, expected] = [false, true].map(|whole| {
        let mut model = Large::build(&Cpu::seed_from_u64(1)).unwrap();
        let (mut state, adam) = (State::default(), Counting::new(AdamW::new(0.01, 0.01), whole));
        let mut losses = Vec::new();
        for step in steps {
            let ids = dev.tensor([[step * 9_000, step * 100, 1], [1, step, LARGE - 1]]);
            let loss = state.attempt(&adam, &mut model, |model| {
                let y = model.forward_mut(ids.put_tape(OwnedTape::default()))?;
                Ok(y.try_square()?.try_sum::<Rank0, _>()?)
            });
            losses.push(loss.unwrap());
        }
        let values = model.0.embeddings.as_vec();
        let rows = [0, 1, 7, 100, 700, 9_000, 27_000, 36_000, 63_000, LARGE - 1, 5_000];
        let values = rows.iter().flat_map(|row| values[row * 64..][..64].to_vec());
        (values.collect::<Vec<_>>(), losses, adam.moved.load(Ordering::Relaxed))
    });
    assert_eq!(found.0, expected.0);
    assert_eq!(found.1, expected.1);
    assert_eq!(expected.2, LARGE * 64 * steps.len());
    moves_fewer("values", found.2, expected.2);
}
