//! Data that is read while a model trains: the same numbers as from memory, errors that leave the model whole, and trainings
//! that go on where they were.

use std::{
    path::PathBuf,
    sync::mpsc::{channel, sync_channel},
    thread,
};

use kerata::{
    Batch, Const, Cpu, Dense, Error, Relu,
    callbacks::{LambdaCallback, ModelCheckpoint},
    data::{BatchStream, Buckets, Dataset, InMemory, Order, Padded, Ragged, Stream},
    loss::MeanSquaredError,
    model::Sequential,
    optim::Adam,
    prelude::*,
    train::{Fit, History, Trainer, TrainingData},
};
use rand::Rng;

type Net = Sequential<(Batch, Const<2>), (Dense<2, 4, Relu>, Dense<4, 1>)>;
type Target = (Batch, Const<1>);
type Training = Trainer<Net, MeanSquaredError, Adam, Target>;

fn samples() -> Vec<([f32; 2], [f32; 1])> {
    (0..23).map(|i| ([i as f32 / 23.0, (i % 5) as f32], [(i % 7) as f32])).collect()
}

fn in_memory() -> InMemory<Vec<[f32; 2]>, Vec<[f32; 1]>> {
    let (x, y) = samples().into_iter().unzip();
    InMemory::new(x, y).unwrap()
}

fn anew() -> Stream<([f32; 2], [f32; 1])> {
    Stream::new(|_| Ok(samples().into_iter().map(Ok)))
}

fn endless() -> impl Iterator<Item = Result<([f32; 2], [f32; 1]), Error>> + Send {
    samples().into_iter().cycle().map(Ok)
}

fn trainer() -> Training {
    let model = Net::build(&Cpu::seed_from_u64(3)).unwrap();
    Trainer::new(model, MeanSquaredError, Adam::default()).unwrap()
}

fn fit(epochs: usize) -> Fit {
    Fit { batch_size: 4, progress: false, seed: 9, ..Fit::epochs(epochs) }
}

fn weights(trainer: &Training) -> Vec<f32> {
    let (first, last) = &trainer.model.layers;
    let parts = [first.kernel.as_vec(), first.bias.as_vec(), last.kernel.as_vec()];
    parts.concat()
}

fn fitted<Data>(data: &Data, fit: &Fit) -> (Vec<f32>, History)
where
    Data: TrainingData<Net, MeanSquaredError, Target, History = History>,
{
    let mut trainer = trainer();
    let history = trainer.fit(data, fit).unwrap();
    (weights(&trainer), history)
}

#[test]
fn streams_give_the_numbers_of_data_in_memory() {
    let expected = fitted(&in_memory(), &fit(3));
    assert_eq!(fitted(&in_memory().stream(), &fit(3)), expected);
    assert_eq!(fitted(&in_memory().stream().prefetch(2), &fit(3)), expected);
    let sequential = Fit { shuffle: false, ..fit(3) };
    let expected = fitted(&in_memory(), &sequential);
    assert_eq!(fitted(&anew(), &sequential), expected);
    assert_eq!(fitted(&anew().prefetch(1), &sequential), expected);
    // A buffer that is never shuffled.
    assert_eq!(fitted(&anew().shuffle(10, 1), &sequential), expected);
    assert_ne!(fitted(&anew().shuffle(10, 1), &fit(3)).0, expected.0);
    // Weights of 1 are none.
    let weighted = Stream::new(|_| Ok(samples().into_iter().map(|(x, y)| Ok((x, y, 1.0)))));
    assert_eq!(fitted(&weighted, &sequential), expected);
}

/// The samples of each batch, by the target.
fn batches(
    data: &impl Dataset<Input = (Batch, Const<2>), Target = Target>,
    order: Order,
) -> Vec<Vec<f32>> {
    let dev = Cpu::default();
    let batches = data.batches::<f32, Cpu>(order, &dev);
    batches.map(|batch| batch.unwrap().target.as_vec()).collect()
}

#[test]
fn a_shuffled_stream_has_each_sample_once() {
    let order = Order { shuffle: Some(5), ..Order::sequential(4) };
    let data = anew().shuffle(6, 2);
    let first = batches(&data, order);
    assert_eq!(batches(&data, order), first);
    assert_ne!(batches(&data, Order { shuffle: Some(6), ..order }), first);
    let (mut found, mut all): (Vec<f32>, Vec<f32>) =
        (first.concat(), samples().iter().map(|(_, y)| y[0]).collect());
    assert_ne!(found, all);
    found.sort_by(f32::total_cmp);
    all.sort_by(f32::total_cmp);
    assert_eq!(found, all);
}

#[test]
fn steps_are_counted_over_epochs() {
    let fit = Fit { shuffle: false, steps_per_epoch: Some(2), ..fit(3) };
    let used: Vec<_> = samples().into_iter().cycle().take(24).collect();
    let (x, y) = used.into_iter().unzip();
    let once = InMemory::<Vec<[f32; 2]>, Vec<[f32; 1]>>::new(x, y).unwrap();
    let (expected, _) = fitted(&once, &Fit { epochs: 1, steps_per_epoch: None, ..fit });
    assert_eq!(fitted(&Stream::from_iterator(endless()), &fit).0, expected);
    assert_eq!(fitted(&Stream::from_iterator(endless()).prefetch(3), &fit).0, expected);
    let (sender, receiver) = sync_channel(1);
    thread::spawn(move || endless().try_for_each(|sample| sender.send(sample)));
    assert_eq!(fitted(&Stream::from_channel(receiver).prefetch(1), &fit).0, expected);
    // What is opened anew begins anew.
    let (two, _) = fitted(&anew(), &fit);
    assert_ne!(two, expected);
}

#[test]
fn validation_reads_its_steps() {
    let mut trainer = trainer();
    let data = in_memory();
    let first = Fit { validation_steps: Some(2), ..fit(1) };
    let history = trainer.fit_validated(&data, &Stream::from_iterator(endless()), &first).unwrap();
    let (x, y) = samples().into_iter().take(8).unzip();
    let eight = InMemory::<Vec<[f32; 2]>, Vec<[f32; 1]>>::new(x, y).unwrap();
    let measured = trainer.evaluate(&eight, 4).unwrap();
    assert_eq!(history.last("val_loss"), Some(measured[0].1));
    let error = trainer.fit_validated(&data, &data, &Fit { validation_steps: Some(9), ..first });
    assert_eq!(
        error.unwrap_err(),
        Error::DataEnded { found: 6, expected: Some(9), setting: "validation_steps" }
    );
    let error = trainer.fit(&data, &Fit { steps_per_epoch: Some(0), ..first }).unwrap_err();
    assert_eq!(error.to_string(), "steps_per_epoch is 0: it must be at least 1");
}

/// `fit` fails with this error after so many steps, and the model is what these steps alone make of it.
fn fails_whole<Data>(data: &Data, fit: &Fit, steps: usize, message: &str)
where
    Data: TrainingData<Net, MeanSquaredError, Target, History = History>,
{
    let mut failed = trainer();
    let error = failed.fit(data, fit).unwrap_err().to_string();
    assert_eq!((error.as_str(), failed.steps()), (message, steps));
    let (expected, _) = fitted(
        &in_memory(),
        &Fit { epochs: 1, steps_per_epoch: Some(steps), shuffle: false, ..*fit },
    );
    assert_eq!(weights(&failed), expected);
    // And can go on.
    failed.fit(&in_memory(), &Fit { steps_per_epoch: None, ..*fit }).unwrap();
}

#[test]
fn errors_leave_the_model_as_the_last_step_left_it() {
    let fit = Fit { shuffle: false, ..fit(1) };
    let bad = |i: usize, what: fn() -> Result<([f32; 2], [f32; 1]), Error>| {
        Stream::new(move |_| {
            Ok(samples()
                .into_iter()
                .enumerate()
                .map(move |(j, s)| if i == j { what() } else { Ok(s) }))
        })
    };
    let message = "reading the data failed: line 14 is broken";
    let data = || bad(13, || Err(Error::data("line 14 is broken")));
    fails_whole(&data(), &fit, 3, message);
    fails_whole(&data().prefetch(2), &fit, 3, message);
    let data = bad(9, || panic!("bad luck")).prefetch(2);
    fails_whole(&data, &fit, 2, "reading the data panicked: bad luck");
    let data = in_memory().stream().map(|batch, _| {
        assert!(batch.len() == 4, "{} samples are too few", batch.len());
        Ok(batch)
    });
    fails_whole(&data.prefetch(1), &fit, 5, "reading the data panicked: 3 samples are too few");
    let ragged = Stream::new(|_| {
        let rows = samples().into_iter().enumerate();
        Ok(rows.map(|(i, (x, y))| Ok((x[..2 - usize::from(i == 9)].to_vec(), y))))
    });
    let message = "row 1 has the sizes [1], but [2] are expected (sequences of different lengths go into a `Ragged`, or one by one as `Padded`)";
    fails_whole(&ragged.prefetch(1), &fit, 2, message);
}

#[test]
fn as_much_as_there_is() {
    let all = || in_memory().stream().prefetch(usize::MAX);
    assert_eq!(fitted(&all(), &fit(2)), fitted(&in_memory(), &fit(2)));
    let whole = Fit { batch_size: usize::MAX, shuffle: false, ..fit(2) };
    let expected = fitted(&in_memory(), &whole);
    assert_eq!(fitted(&anew(), &whole), expected);
    assert_eq!(fitted(&anew().shuffle(usize::MAX, 1), &whole), expected);
}

#[test]
fn a_channel_that_is_closed_early_is_an_error() {
    let channel_of = |count: usize| {
        let (sender, receiver) = channel();
        samples().into_iter().take(count).for_each(|sample| sender.send(Ok(sample)).unwrap());
        Stream::from_channel(receiver)
    };
    let fit = Fit { shuffle: false, steps_per_epoch: Some(4), ..fit(1) };
    let message =
        "the data ended after 3 batches of the epoch, which is to have 4 (`steps_per_epoch`)";
    fails_whole(&channel_of(12), &fit, 3, message);
    fails_whole(&channel_of(12).prefetch(2), &fit, 3, message);
    // Without a number of steps the first epoch lasts until it is closed, and a second one has nothing.
    let (data, mut trainer) = (channel_of(12), trainer());
    trainer.fit(&data, &Fit { steps_per_epoch: None, ..fit }).unwrap();
    assert_eq!(trainer.steps(), 3);
    let error = trainer.fit(&data, &Fit { steps_per_epoch: None, ..fit }).unwrap_err();
    assert!(error.to_string().contains("the stream was read to its end before"), "{error}");
}

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("kerata-streams-{}-{name}.safetensors", std::process::id()))
}

/// A training that is killed after batch 4 of its second epoch goes on as if it had not been, by this data.
fn resumes<Data>(name: &str, data: impl Fn() -> Data)
where
    Data: TrainingData<Net, MeanSquaredError, Target, History = History>,
{
    let fit = Fit { steps_per_epoch: Some(5), ..fit(3) };
    let path = path(name);
    let noisy = || {
        trainer().augment(|x, y, random| {
            let noise = (0..x.as_vec().len()).map(|_| random.gen_range(-0.1..0.1)).collect();
            let noise = Cpu::default().tensor_from_vec(noise, *kerata::tensor::HasShape::shape(&x));
            Ok((x + noise, y))
        })
    };
    let mut undisturbed = noisy();
    undisturbed.fit(&data(), &fit).unwrap();

    let mut batches = 0;
    let kill = LambdaCallback::new().on_train_batch_begin(move |_, _| {
        batches += 1;
        if batches > 9 { Err(Error::Empty("the patience")) } else { Ok(()) }
    });
    let checkpoint = ModelCheckpoint::new(path.to_str().unwrap()).every_batches(1);
    let mut killed = noisy().callback(checkpoint).callback(kill);
    killed.fit(&data(), &fit).unwrap_err();

    let checkpoint = ModelCheckpoint::new(path.to_str().unwrap()).every_batches(1);
    let mut resumed = noisy().callback(checkpoint);
    resumed.resume(&path).unwrap();
    resumed.fit(&data(), &fit).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(resumed.history(), undisturbed.history(), "{name}");
    assert_eq!(weights(&resumed), weights(&undisturbed), "{name}");
}

#[test]
fn a_training_goes_on_in_the_middle_of_an_epoch() {
    resumes("memory", in_memory);
    resumes("stream", || in_memory().stream().prefetch(2));
    resumes("anew", || anew().shuffle(7, 1));
    resumes("anew-ahead", || anew().shuffle(7, 1).prefetch(2));
    resumes("once", || Stream::from_iterator(endless()).shuffle(7, 1));
    resumes("once-ahead", || Stream::from_iterator(endless()).shuffle(7, 1).prefetch(2));
    resumes("map", || {
        in_memory().stream().prefetch(1).map(|batch, random| {
            let targets = batch.targets().iter().map(|[y]| [y + random.gen_range(-0.1..0.1)]);
            InMemory::new(batch.inputs().clone(), targets.collect::<Vec<_>>())
        })
    });
}

#[test]
fn buckets_hold_samples_of_similar_length() {
    let length = |i: usize| 1 + i * 7 % 30;
    let rows = Ragged((0..50).map(|i| vec![[i as f32]; length(i)]).collect());
    let targets: Vec<f32> = (0..50).map(|i| i as f32).collect();
    let data = InMemory::new(rows, targets).unwrap();
    let buckets = Buckets::new(&[10, 20]).unwrap().batch_sizes(&[8, 4, 2]).unwrap();
    let order = Order { shuffle: Some(1), ..Order::sequential(32) };
    let streamed = Stream::new(move |_| {
        Ok((0..50).map(move |i| Ok((Padded(vec![[i as f32]; length(i)]), i as f32))))
    });
    fn check(
        data: &impl Dataset<Input = kerata::Masked<(Batch, kerata::Length, Const<1>)>, Target = Target>,
        order: Order,
    ) {
        let (mut seen, mut sizes) = (Vec::new(), Vec::new());
        for batch in data.batches::<f32, Cpu>(order, &Cpu::default()) {
            let batch = batch.unwrap();
            let lengths = batch.input.mask().lengths();
            let bucket = |length: &usize| usize::from(*length >= 10) + usize::from(*length >= 20);
            let first = bucket(&lengths[0]);
            assert!(lengths.iter().all(|length| bucket(length) == first), "{lengths:?}");
            assert!(batch.size <= [8, 4, 2][first]);
            seen.extend(batch.target.as_vec());
            sizes.push((first, batch.size));
        }
        seen.sort_by(f32::total_cmp);
        assert_eq!(seen, (0..50).map(|i| i as f32).collect::<Vec<_>>());
        // Of each bucket at most one batch is not full.
        for (bucket, full) in [8, 4, 2].into_iter().enumerate() {
            let rest = sizes.iter().filter(|(of, size)| *of == bucket && *size < full).count();
            assert!(rest <= 1, "{sizes:?}");
        }
    }
    check(&data.bucket_by_length(buckets.clone()), order);
    check(&streamed.bucket_by_length(buckets), order);
    let error = Buckets::new(&[10, 10]).unwrap_err().to_string();
    assert_eq!(error, "boundaries is 10, 10: they must ascend");
    assert!(Buckets::new(&[10]).unwrap().batch_sizes(&[1]).is_err());
}

#[test]
fn a_stream_is_split_evenly() {
    let (train, validation) = anew().with_samples(23).split(0.2).unwrap();
    assert_eq!((train.samples(), validation.samples()), (Some(19), Some(4)));
    let order = Order::sequential(100);
    let (train, validation) =
        (batches(&train, order).concat(), batches(&validation, order).concat());
    assert_eq!((train.len(), validation.len()), (19, 4));
    assert_eq!(validation, [4, 9, 14, 19].map(|i| samples()[i].1[0]));
    assert!(anew().split(1.0).is_err());
    let error = Stream::from_iterator(endless()).split(0.5).unwrap_err().to_string();
    assert!(error.ends_with("only what is opened anew can be split, by `Stream::new`"), "{error}");
}

#[test]
fn batches_of_an_iterator_and_a_channel() {
    let parts = || {
        let parts: Vec<_> = samples().chunks(4).map(<[_]>::to_vec).collect();
        parts.into_iter().map(|part| {
            let (x, y) = part.into_iter().unzip();
            InMemory::<Vec<[f32; 2]>, Vec<[f32; 1]>>::new(x, y)
        })
    };
    let sequential = Fit { shuffle: false, ..fit(1) };
    let expected = fitted(&in_memory(), &sequential);
    assert_eq!(fitted(&BatchStream::new(move |_| Ok(parts())), &sequential), expected);
    assert_eq!(fitted(&BatchStream::from_iterator(parts()), &sequential), expected);
    let (sender, receiver) = channel();
    parts().for_each(|part| sender.send(part).unwrap());
    drop(sender);
    assert_eq!(fitted(&BatchStream::from_channel(receiver), &sequential), expected);
    let refused = BatchStream::<Vec<[f32; 2]>, Vec<[f32; 1]>>::new(|_| {
        Err::<std::iter::Empty<_>, _>(Error::data("no such folder"))
    });
    let mut trainer = trainer();
    for data in [refused.clone(), refused.prefetch(1)] {
        let error = trainer.fit(&data, &sequential).unwrap_err();
        assert_eq!(error, Error::Data("no such folder".to_owned()));
    }
}
