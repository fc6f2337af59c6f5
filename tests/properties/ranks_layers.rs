//! What looks at a whole batch, or draws for each sample of it, does so where ranks share the batch.

use kerata::{
    Batch, BatchNorm, Const, Cpu, Dense, Embedding, Error, Factor, Flatten, FlipMode, Ids, Length,
    MaskZero, RandomBrightness, RandomContrast, RandomFlip, RandomRotation, RandomTranslation,
    RandomZoom, Sigmoid, Softmax, TimeDistributed, ValueRange,
    config::{Config, CustomObjects, layer_from_config},
    data::{InMemory, Ragged},
    distributed::ThreadRank,
    loss::{Dice, MeanSquaredError, SparseCategoricalCrossentropy, Tversky},
    model,
    model::Sequential,
    optim::Adam,
    prelude::*,
    train::{Fit, Trainer},
};

use super::ranks::{Outcome, on_ranks};

fn fit() -> Fit {
    Fit { batch_size: 5, progress: false, ..Fit::epochs(6) }
}

/// Trains a model on rows, and runs it.
macro_rules! outcome {
    ($rank:expr, $model:expr, $loss:expr, $x:expr, $y:expr $(, $values:ident)?) => {{
        let mut trainer = Trainer::new($model, $loss, Adam::new(0.05))?;
        if let Some(rank) = $rank {
            trainer = trainer.distributed(rank);
        }
        let data = InMemory::new($x, $y)?;
        let history = trainer.fit(&data, &fit())?;
        let answers = trainer.predict(data.inputs(), 4)?$(.$values())?.as_vec();
        Ok::<_, Error>(Outcome { history, answers, measured: trainer.evaluate(&data, 4)? })
    }};
}

/// The same on 1 to 4 ranks as in one process, where the loss has changed.
fn assert_alike(
    work: impl Fn(Option<ThreadRank>) -> Result<Outcome, Error> + Clone + Send + Sync + 'static,
) {
    let one = work(None).unwrap();
    let losses = one.history.get("loss").unwrap();
    assert!(losses[0] != losses[5], "{losses:?}");
    for size in [1, 2, 3, 4] {
        one.assert_close(&on_ranks(size, work.clone()));
    }
}

/// Numbers from 0 to 1 that follow from a place.
fn number(place: usize) -> f32 {
    (place * 37 % 101) as f32 / 101.0
}

#[model(input = (Batch, 4, 5, 1))]
struct Pictures {
    #[with(mode = FlipMode::HorizontalAndVertical)]
    flip: RandomFlip,
    #[with(factor = Factor::of(0.1))]
    turn: RandomRotation,
    #[with(height_factor = Factor::of(0.2))]
    zoom: RandomZoom,
    #[with(height_factor = Factor::of(0.1))]
    shift: RandomTranslation,
    #[with(factor = Factor::between(0.0, 0.5), value_range = ValueRange::UNIT)]
    contrast: RandomContrast,
    #[with(factor = Factor::of(0.1), value_range = ValueRange::UNIT)]
    light: RandomBrightness,
    flat: Flatten<_>,
    head: Dense<_, 1>,
}

#[test]
fn pictures_are_changed_alike() {
    assert_alike(|rank| {
        let picture = |i: usize| -> [[[f32; 1]; 5]; 4] {
            std::array::from_fn(|row| {
                std::array::from_fn(|column| [number(i * 20 + row * 5 + column)])
            })
        };
        let pictures: Vec<_> = (0..13).map(picture).collect();
        let targets: Vec<[f32; 1]> = (0..13).map(|i| [number(i + 7)]).collect();
        outcome!(
            rank,
            Pictures::build(&Cpu::seed_from_u64(2))?,
            MeanSquaredError,
            pictures,
            targets
        )
    });
}

#[test]
fn noise_is_drawn_alike() {
    assert_alike(|rank| {
        let noise = |class: &str, key: &str, n: f64| {
            format!(r#"{{"class_name": "{class}", "config": {{"{key}": {n}}}}}"#)
        };
        let json = format!(
            r#"{{"class_name": "Sequential", "config": {{"layers": [
                {{"class_name": "InputLayer", "config": {{"batch_shape": [null, 3, 4]}}}},
                {}, {}, {}, {},
                {{"class_name": "Flatten", "config": {{}}}},
                {{"class_name": "Dense", "config": {{"units": 1}}}}
            ]}}}}"#,
            noise("GaussianNoise", "stddev", 0.3),
            noise("GaussianDropout", "rate", 0.2),
            noise("AlphaDropout", "rate", 0.2),
            noise("SpatialDropout1D", "rate", 0.3),
        );
        let config: Config = json.parse()?;
        let layer = layer_from_config(&config, &CustomObjects::new())?;
        let model = layer.typed::<(Batch, Const<3>, Const<4>), (Batch, Const<1>)>()?;
        let row = |i: usize| -> [[f32; 4]; 3] {
            std::array::from_fn(|step| std::array::from_fn(|k| number(i * 12 + step * 4 + k)))
        };
        let rows: Vec<_> = (0..13).map(row).collect();
        let targets: Vec<[f32; 1]> = (0..13).map(|i| [number(i + 7)]).collect();
        outcome!(rank, model, MeanSquaredError, rows, targets)
    });
}

/// A layer with statistics at each step of masked texts.
#[model(input = Ids<(Batch, Length)>)]
struct Steps {
    embed: Embedding<9, 4, MaskZero>,
    norm: TimeDistributed<BatchNorm<_>>,
    head: TimeDistributed<Dense<_, 2, Softmax>>,
}

#[test]
fn statistics_of_masked_steps_are_those_of_the_batch() {
    assert_alike(|rank| {
        // Some texts are padding alone, and some ranks have no other.
        let text = |i: usize| match i % 3 {
            1 => vec![0; 2],
            _ => (0..1 + i * 5 % 4).map(|k| 1 + (i * 3 + k) % 8).collect(),
        };
        let texts: Vec<Vec<usize>> = (0..13).map(text).collect();
        let target =
            |text: &Vec<usize>| -> Vec<usize> { text.iter().map(|&word| word % 2).collect() };
        let targets = Ragged(texts.iter().map(target).collect::<Vec<_>>());
        outcome!(
            rank,
            Steps::build(&Cpu::seed_from_u64(4))?,
            SparseCategoricalCrossentropy::default(),
            Ragged(texts),
            targets,
            values
        )
    });
}

type Small = Sequential<(Batch, Const<2>), (Dense<2, 3, Sigmoid>,)>;

fn small() -> Result<Small, Error> {
    Small::build(&Cpu::seed_from_u64(0))
}

fn rows() -> (Vec<[f32; 2]>, Vec<[f32; 3]>) {
    let target = |i: usize| [i, i + 1, i / 2].map(|n| (n % 2) as f32);
    ((0..13).map(|i| [number(i), number(i + 50)]).collect(), (0..13).map(target).collect())
}

#[test]
fn overlaps_of_a_batch_are_those_of_all_ranks() {
    let (x, y) = rows();
    for axis in [None, Some(vec![0]), Some(vec![1]), Some(vec![-2, 1])] {
        let (x, y) = (x.clone(), y.clone());
        assert_alike(move |rank| {
            outcome!(rank, small()?, Dice { axis: axis.clone() }, x.clone(), y.clone())
        });
    }
    assert_alike(move |rank| {
        let loss = Tversky { alpha: 0.3, ..Tversky::default() };
        outcome!(rank, small()?, loss, x.clone(), y.clone())
    });
}
