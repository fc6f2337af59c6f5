//! Stateful layers, and penalties of whole activities, on ranks that share each batch.

use kerata::{
    Batch, Cpu, Dense, Error, Gru, Length, Lstm, Relu, Sequences, TimeDistributed,
    callbacks::ModelCheckpoint,
    config::{CustomObjects, layer_from_config},
    data::InMemory,
    distributed::{Communicator, ThreadRank, Threads},
    loss::MeanSquaredError,
    model,
    optim::Adam,
    prelude::*,
    regularizers::Regularizer,
    shape::Const,
    train::{Callback, Fit, Trainer, Training},
};

use super::ranks::{Outcome, on_ranks};

#[model(input = (Batch, Length, 2), output = (Batch, Length, 1))]
struct Net {
    #[with(stateful = true)]
    lstm: Lstm<_, 4, Sequences>,
    #[with(stateful = true)]
    gru: Gru<_, 3, Sequences>,
    head: TimeDistributed<Dense<_, 1>>,
}

type Steps<const F: usize> = Vec<Vec<[f32; F]>>;

/// Of batches of 4, of which each goes on where the one before has ended.
fn data() -> InMemory<Steps<2>, Steps<1>> {
    let value = |i: usize| (i as f32 * 0.37).sin();
    let x: Steps<2> = (0..12)
        .map(|at| (0..3).map(|i| [value(at * 7 + i), value(at + i * 5)]).collect())
        .collect();
    let y = (0..12).map(|at| (0..3).map(|i| [value(at * 3 + i * 2)]).collect()).collect();
    InMemory::new(x, y).unwrap()
}

fn fit(epochs: usize) -> Fit {
    Fit { batch_size: 4, shuffle: false, progress: false, ..Fit::epochs(epochs) }
}

/// Has all states forgotten behind an epoch, as programs with Keras do.
struct Forget;

impl Callback<Net> for Forget {
    fn on_epoch_begin(
        &mut self,
        training: &mut Training<'_, Net>,
        epoch: usize,
    ) -> Result<(), Error> {
        if epoch.is_multiple_of(2) {
            training.model.lstm.reset_state();
        }
        Ok(())
    }
}

fn outcome<M>(
    mut trainer: Trainer<M, MeanSquaredError, Adam, (Batch, Length, Const<1>)>,
    rank: Option<ThreadRank>,
) -> Result<Outcome, Error>
where
    M: Model<Input = (Batch, Length, Const<2>), Output = (Batch, Length, Const<1>)>,
{
    if let Some(rank) = rank {
        trainer = trainer.distributed(rank);
    }
    let data = data();
    let history = trainer.fit_validated(&data, &data, &fit(5))?;
    // The states go on from answer to answer.
    let mut answers = trainer.predict(data.inputs(), 4)?.as_vec();
    answers.extend(trainer.predict(data.inputs(), 4)?.as_vec());
    Ok(Outcome { history, answers, measured: trainer.evaluate(&data, 4)? })
}

#[test]
fn stateful_layers_go_on_alike_on_any_number_of_ranks() {
    for forgets in [false, true] {
        let work = move |rank: Option<ThreadRank>| {
            let own = rank.as_ref().map_or(0, Communicator::rank);
            let net = Net::build(&Cpu::seed_from_u64(1))?;
            // Only the states of rank 0 count.
            let before = (0..4).map(|row| [[(row + own) as f32 * 0.3, 0.2]]);
            net.forward(
                Cpu::default().tensor_from_vec(before.flatten().flatten().collect(), (4, 1, Const)),
            )?;
            let mut trainer = Trainer::new(net, MeanSquaredError, Adam::new(0.02))?;
            if forgets {
                trainer = trainer.callback(Forget);
            }
            outcome(trainer, rank)
        };
        let one = work(None).unwrap();
        for size in [1, 2, 3, 4, 5] {
            one.assert_close(&on_ranks(size, work));
        }
    }
}

#[test]
fn stateful_layers_without_types_go_on_alike() {
    let work = |rank| {
        let json = r#"{"class_name": "Sequential", "config": {"layers": [
            {"class_name": "InputLayer", "config": {"batch_shape": [null, null, 2]}},
            {"class_name": "SimpleRNN", "config": {"units": 3, "stateful": true, "return_sequences": true}},
            {"class_name": "TimeDistributed", "config": {"layer": {"class_name": "Dense", "config": {"units": 1}}}}
        ]}}"#;
        Cpu::seed_from_u64(1);
        let layer = layer_from_config(&json.parse()?, &CustomObjects::new())?;
        let model = layer.typed::<(Batch, Length, Const<2>), (Batch, Length, Const<1>)>()?;
        outcome(Trainer::new(model, MeanSquaredError, Adam::new(0.02))?, rank)
    };
    let one = work(None).unwrap();
    for size in [2, 3] {
        one.assert_close(&on_ranks(size, work));
    }
}

#[test]
fn a_stateful_training_goes_on_from_a_checkpoint() {
    let path = std::env::temp_dir().join(format!("kerata-states-{}", std::process::id()));
    let trainer = |rank: Option<ThreadRank>, path: &std::path::Path| {
        let net = Net::build(&Cpu::seed_from_u64(1))?;
        let save = ModelCheckpoint::new(path.to_str().unwrap()).every_batches(1);
        let trainer = Trainer::new(net, MeanSquaredError, Adam::new(0.02))?.callback(save);
        Ok::<_, Error>(match rank {
            Some(rank) => trainer.distributed(rank),
            None => trainer,
        })
    };
    let whole = path.with_extension("whole");
    let undisturbed = trainer(None, &whole).unwrap().fit(&data(), &fit(3)).unwrap();
    let saved = path.clone();
    let killed = Threads::new(3).run(move |rank| {
        let (number, mut batches) = (rank.rank(), 0);
        let mut trainer = trainer(Some(rank), &saved)?.augment(move |x, y, _| {
            batches += 1;
            assert!(number != 1 || batches < 6, "killed");
            Ok((x, y))
        });
        trainer.fit(&data(), &fit(3))
    });
    killed.unwrap_err();
    let from = path.clone();
    let all = Threads::new(2).run(move |rank| {
        let mut trainer = trainer(Some(rank), &from.with_extension("again"))?;
        trainer.resume(&from)?;
        trainer.fit(&data(), &fit(3))?;
        Ok(trainer.history().clone())
    });
    for history in all.unwrap() {
        let (a, b) = (undisturbed.get("loss").unwrap(), history.get("loss").unwrap());
        assert_eq!(a.len(), b.len());
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-5 * a.abs()), "{a:?} {b:?}");
    }
    for file in [path.clone(), whole, path.with_extension("again")] {
        std::fs::remove_file(file).unwrap();
    }
}

/// The square of the sum of all values: no sum of penalties.
#[derive(Debug)]
struct SquaredSum;

impl Regularizer for SquaredSum {
    fn penalty(&self, values: &[f64], sizes: &[usize]) -> Result<f64, Error> {
        assert_eq!(values.len(), sizes.iter().product::<usize>());
        Ok(0.01 * values.iter().sum::<f64>().powi(2))
    }

    fn add_gradient(&self, values: &[f64], _: &[usize], slopes: &mut [f64]) -> Result<(), Error> {
        let sum: f64 = values.iter().sum();
        slopes.iter_mut().for_each(|slope| *slope += 0.02 * sum);
        Ok(())
    }
}

#[model(input = (Batch, 2), output = (Batch, 1))]
struct Penalised {
    #[with(activity_regularizer = SquaredSum)]
    hidden: Dense<_, 4, Relu>,
    head: Dense<_, 1>,
}

#[test]
fn penalties_of_whole_activities_are_those_of_one_process() {
    let work = |rank: Option<ThreadRank>| {
        let model = Penalised::build(&Cpu::seed_from_u64(1))?;
        let mut trainer = Trainer::new(model, MeanSquaredError, Adam::new(0.02))?;
        if let Some(rank) = rank {
            trainer = trainer.distributed(rank);
        }
        let value = |i: usize| (i as f32 * 0.37).sin();
        let x: Vec<[f32; 2]> = (0..13).map(|i| [value(i), value(i * 3)]).collect();
        let data = InMemory::new(x, (0..13).map(|i| [value(i * 5)]).collect::<Vec<_>>())?;
        let fit = Fit { batch_size: 5, progress: false, ..Fit::epochs(5) };
        let history = trainer.fit(&data, &fit)?;
        let answers = trainer.predict(data.inputs(), 4)?.as_vec();
        Ok(Outcome { history, answers, measured: trainer.evaluate(&data, 4)? })
    };
    let one = work(None).unwrap();
    for size in [2, 3, 4] {
        one.assert_close(&on_ranks(size, work));
    }
}
