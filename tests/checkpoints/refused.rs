//! Files of another training, and damaged ones.

use super::*;

/// Changes a text in the header of a file, keeping its length.
fn edit(path: &Path, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.windows(from.len()).position(|part| part == from.as_bytes()).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    fs::write(path, bytes).unwrap();
}

#[test]
fn what_differs_is_said() {
    let folder = folder("differs");
    let path = folder.join("run.safetensors");
    let callback = || ModelCheckpoint::new(name(&path)).every_batches(10);
    let early = || EarlyStopping::new("loss").patience(9);
    let mut first = trainer(Adam::new(0.01), 1).callback(early()).callback(callback());
    first.fit(&data(), &fit(2)).unwrap();

    fn says<M>(result: Result<M, Error>, path: &Path) -> String {
        let error = result.err().expect("it fits").to_string();
        error.replace(path.to_str().unwrap(), "FILE")
    }
    let mut other = trainer(Sgd::new(0.01), 1);
    assert_eq!(
        says(other.resume(&path), &path),
        "FILE does not fit:\n  optimizer: it is sgd here, the checkpoint has adam"
    );
    let mut other = trainer(Adam { amsgrad: true, ..Adam::new(0.01) }, 1);
    let text = says(other.resume(&path), &path);
    assert!(
        text.contains(
            "1.kernel.velocity_hat: the optimiser remembers 48 values, the checkpoint has nothing"
        ),
        "{text}"
    );
    let mut other = trainer(Adam::new(0.01), 1);
    assert_eq!(
        says(other.resume(&path), &path),
        "FILE does not fit:\n  the callback EarlyStopping: the trainer has none, or fewer, the checkpoint has what it remembers\n  the callback ModelCheckpoint: the trainer has none, or fewer, the checkpoint has what it remembers"
    );
    type Wide =
        Sequential<In, (BatchNorm<3>, Dense<3, 17, Relu>, Dropout<30>, Dense<17, 3, Softmax>)>;
    let wide = Wide::build(&Cpu::seed_from_u64(1)).unwrap();
    let mut other: Trainer<Wide, _, _, Ids<(Batch,)>> =
        Trainer::new(wide, SparseCategoricalCrossentropy::default(), Adam::new(0.01)).unwrap();
    assert_eq!(
        says(other.resume(&path), &path),
        "FILE does not fit:\n  1.kernel: the model has (3, 17), the file has (3, 16)\n  1.bias: the model has (17,), the file has (16,)\n  3.kernel: the model has (17, 3), the file has (16, 3)\n  the layer 1: it is Dense<3, 17, Relu> of 0 here, the checkpoint has Dense<3, 16, Relu> of 0\n  the layer 3: it is Dense<17, 3, Softmax> of 2 here, the checkpoint has Dense<16, 3, Softmax> of 2\n  the metric 1: there is none here, the checkpoint has sparse_categorical_accuracy"
    );

    // Nothing has changed so far; and `fit` is to be called as it was.
    let before = Snapshot::of(&trainer(Adam::new(0.01), 3).model).unwrap();
    let mut same = trainer(Adam::new(0.01), 3).callback(early()).callback(callback());
    assert_eq!(Snapshot::of(&same.model).unwrap(), before);
    same.resume(&path).unwrap();
    assert_eq!((same.steps(), same.history().epochs()), (10, 1));
    let error = same.fit(&data(), &Fit { batch_size: 4, seed: 7, ..fit(2) }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the checkpoint does not fit:\n  batch_size: it is 4 here, the checkpoint has 8\n  seed: it is 7 here, the checkpoint has 0"
    );
    assert_eq!(same.fit(&data(), &fit(2)).unwrap().epochs(), 2);

    let weights = folder.join("weights.safetensors");
    first.model.save_weights(&weights).unwrap();
    assert_eq!(
        says(first.resume(&weights), &weights),
        "FILE: these are weights only, not a checkpoint of a training"
    );
    edit(&path, "version\\\":\\\"3", "version\\\":\\\"7");
    assert_eq!(
        says(first.resume(&path), &path),
        "FILE does not fit:\n  the version of the format: it is 3 here, the checkpoint has 7"
    );
    fs::write(&path, &fs::read(&path).unwrap()[..500]).unwrap();
    assert!(says(first.resume(&path), &path).contains("cut short"));
    fs::remove_dir_all(folder).unwrap();
}

/// Another training is not gone on with, and one error says all that is another. Nothing of this shows in the shapes of weights.
#[test]
fn another_training_is_refused() {
    use kerata::{
        loss::{KLDivergence, MeanSquaredError},
        metric::{MeanLoss, RootMeanSquaredError},
        model,
    };

    #[model(input = (Batch, 1), output = (Batch, 1))]
    struct Net {
        #[with(kernel_regularizer = L2(0.1))]
        hidden: Dense<_, 4, Relu>,
        head: Dense<_, 1>,
    }

    #[model(input = (Batch, 1), output = (Batch, 1))]
    struct Other {
        #[with(kernel_regularizer = L2(0.2), bias_constraint = NonNeg)]
        hidden: Dense<_, 4, kerata::Tanh>,
        head: Dense<_, 1>,
    }

    let folder = folder("another");
    let path = folder.join("run.safetensors");
    let data = |count: usize| {
        let x: Vec<[f32; 1]> = (0..count).map(|i| [i as f32 / 20.0]).collect();
        InMemory::new(x.clone(), x).unwrap()
    };
    let dev = Cpu::seed_from_u64(1);
    let net = || Net::build(&dev).unwrap();
    let adam = Adam { clipnorm: Some(1.0), ..Adam::new(0.01) };
    let mut first = Trainer::new(net(), MeanSquaredError, adam.clone())
        .unwrap()
        .metric(RootMeanSquaredError)
        .callback(ModelCheckpoint::new(name(&path)).every_batches(5));
    first.fit(&data(20), &fit(2)).unwrap();

    let schedule = CosineDecay::new(0.01, 20.0);
    let changed = Adam { beta_1: 0.8, clipnorm: None, ..Adam::new(schedule) };
    let other = Other::build(&dev).unwrap();
    let other: Trainer<Other, _, _, (Batch, Const<1>)> =
        Trainer::new(other, KLDivergence, changed).unwrap();
    let mut other = other
        .metric(MeanLoss(MeanSquaredError))
        .metric(RootMeanSquaredError)
        .callback(ModelCheckpoint::new(name(&path)));
    let error = other.resume(&path).unwrap_err().to_string();
    let lines: Vec<&str> = error.lines().skip(1).map(str::trim).collect();
    let differs = |place: &str, ours: &str, found: &str| {
        format!("{place}: it is {ours} here, the checkpoint has {found}")
    };
    let root = "root_mean_squared_error";
    let none =
        |place: &str, ours: &str| format!("{place}: it is {ours} here, the checkpoint has none");
    let l2 = |factor: f64| format!("{{\"class_name\":\"L2\",\"config\":{{\"l2\":{factor}}}}}");
    let expected = [
        none("the constraint of hidden.bias", "one"),
        differs("the layer hidden", "Dense<1, 4, Tanh> of input", "Dense<1, 4, Relu> of input"),
        differs("the loss", "KLDivergence", "MeanSquaredError"),
        differs("the metric 1", "mean_squared_error", root),
        none("the metric 2", root),
        differs("the regularizer of hidden.kernel", &l2(0.2), &l2(0.1)),
        differs("beta_1", "0.8", "0.9"),
        differs("clipping", "none", "Norm(1.0)"),
        differs("learning_rate", &format!("{schedule:?}"), "a number"),
    ];
    assert_eq!(lines.len(), expected.len(), "{error}");
    for (line, expected) in lines.iter().zip(&expected) {
        let place = |line: &str| line.split(':').next().map(str::to_owned);
        assert_eq!(place(line), place(expected), "{error}");
    }
    for expected in [&expected[1], &expected[2], &expected[3], &expected[6], &expected[8]] {
        assert!(lines.contains(&expected.as_str()), "{error}\n{expected}");
    }

    // How many samples there are is known to `fit`; here it is in the middle of an epoch.
    let again = || {
        let mut trainer = Trainer::new(
            net(),
            MeanSquaredError,
            Adam { learning_rate: 9.0.into(), ..adam.clone() },
        )
        .unwrap()
        .metric(RootMeanSquaredError)
        .callback(ModelCheckpoint::new(name(&path)).every_batches(50));
        trainer.resume(&path).unwrap();
        trainer
    };
    for count in [4, 40] {
        let error = again().fit(&data(count), &fit(2)).unwrap_err().to_string();
        assert!(error.ends_with(&differs("samples", &count.to_string(), "20")), "{error}");
    }
    // One metric more has measured nothing of this epoch.
    let error = again().metric(MeanLoss(KLDivergence)).fit(&data(20), &fit(2)).unwrap_err();
    assert!(error.to_string().contains("number of metrics"), "{error}");
    // What is set after `resume` is changed on purpose; the rate is that of the checkpoint.
    let mut same = again();
    assert_eq!(same.optimizer.learning_rate, 0.01);
    same.optimizer.beta_1 = 0.8;
    same.fit(&data(20), &fit(2)).unwrap();
    fs::remove_dir_all(folder).unwrap();
}

/// A loss of other settings is another loss.
#[test]
fn other_settings_of_a_loss_are_refused() {
    use kerata::{loss::Huber, loss::Reduction, model};

    #[model(input = (Batch, 3), outputs(size, kind))]
    struct Heads {
        trunk: Dense<_, 4, Relu>,
        size: Dense<_, 1>,
        #[from(trunk)]
        kind: Dense<_, 3, Softmax>,
    }

    let folder = folder("settings");
    let path = folder.join("run.safetensors");
    let every = || ModelCheckpoint::new(name(&path));
    let mut first = trainer(Adam::new(0.01), 1).callback(every());
    first.fit(&data(), &fit(1)).unwrap();
    let loss = SparseCategoricalCrossentropy { ignore_class: Some(2), ..Default::default() };
    let model = Net::build(&Cpu::seed_from_u64(1)).unwrap();
    let mut other: NetTrainer<_> = Trainer::new(model, loss, Adam::new(0.01)).unwrap();
    other = other.metric(SparseCategoricalAccuracy).callback(every());
    other.resume(&path).unwrap();
    let error = other.fit(&data(), &fit(2)).unwrap_err().to_string();
    let expected = "ignore_class of the loss: it is Some(2) here, the checkpoint has None";
    assert!(error.ends_with(expected), "{error}");

    let heads = |delta: f64, weight: f64, reduction: Reduction| {
        let kind = SparseCategoricalCrossentropy::default().reduced_by(reduction);
        let losses = (Huber { delta }, kind.with_loss_weight(weight));
        let model = Heads::build(&Cpu::seed_from_u64(1)).unwrap();
        Trainer::new(model, losses, Adam::new(0.01)).unwrap().callback(every())
    };
    let data = InMemory::new(vec![[1.0_f32; 3]; 8], (vec![2.0_f32; 8], vec![1_usize; 8])).unwrap();
    heads(1.0, 0.5, Reduction::Sum).fit(&data, &fit(1)).unwrap();
    let mut other = heads(2.0, 0.25, Reduction::SumOverBatchSize);
    other.fit(&data, &fit(1)).unwrap();
    heads(1.0, 0.5, Reduction::Sum).fit(&data, &fit(1)).unwrap();
    other.resume(&path).unwrap();
    let error = other.fit(&data, &fit(2)).unwrap_err().to_string();
    for expected in [
        "delta of the loss of `size`: it is 2.0 here, the checkpoint has 1.0",
        "loss_weight of the loss of `kind`: it is 0.25 here, the checkpoint has 0.5",
        "reduction of the loss of `kind`: it is SumOverBatchSize here, the checkpoint has Sum",
    ] {
        assert!(error.contains(expected), "{error}");
    }
    let mut same = heads(1.0, 0.5, Reduction::Sum);
    same.resume(&path).unwrap();
    assert_eq!(same.fit(&data, &fit(2)).unwrap().epochs(), 2);
    fs::remove_dir_all(folder).unwrap();
}

/// No bit of a checkpoint can change without an error; but one without a checksum, as earlier versions wrote it, is read.
#[test]
fn flipped_bits_are_an_error() {
    let folder = folder("flipped");
    let (path, broken) = (folder.join("run.safetensors"), folder.join("broken.safetensors"));
    type Line = Sequential<(Batch, Const<1>), (Dense<1, 1>,)>;
    let trainer = |seed| {
        let model = Line::build(&Cpu::seed_from_u64(seed)).unwrap();
        Trainer::new(model, kerata::loss::MeanSquaredError, Adam::new(0.01)).unwrap()
    };
    let data = InMemory::new(vec![[0.1_f32], [0.7]], vec![[1.1_f32], [0.2]]).unwrap();
    let mut first = trainer(1);
    first.fit(&data, &fit(3)).unwrap();
    first.save_checkpoint(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    let mut second = trainer(2);
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&broken, flipped).unwrap();
        assert!(second.resume(&broken).is_err(), "byte {at} of {}", bytes.len());
    }
    // The weights alone are checked too.
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(&broken, flipped).unwrap();
    let error = second.model.load_weights(&broken).unwrap_err().to_string();
    assert!(error.contains("the checkpoint is broken"), "{error}");
    // What version 2 wrote has no checksum, and says nothing of the set-up.
    fs::write(&broken, &bytes).unwrap();
    edit(&broken, "version\\\":\\\"3", "version\\\":\\\"2");
    edit(&broken, "checksum", "chexksum");
    let text = fs::read(&broken).unwrap();
    let count = text.windows(6).filter(|part| part == b"setup.").count();
    for _ in 0..count {
        edit(&broken, "setup.", "zetup.");
    }
    let mut other = trainer(3);
    other.optimizer.beta_1 = 0.5;
    other.resume(&broken).unwrap();
    assert_eq!(other.steps(), 3);
    fs::remove_dir_all(folder).unwrap();
}
