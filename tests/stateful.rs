//! Recurrent layers that keep their states from one batch to the next.

#![allow(missing_docs)]

use kerata::{
    Batch, Bidirectional, Cpu, Dense, Embedding, Error, Gru, Ids, Length, Lstm, MaskZero,
    Sequences, StackedRnn, Sum, Tensor, TimeDistributed,
    callbacks::ModelCheckpoint,
    config::{CustomObjects, DynamicLayer, layer_from_config},
    data::InMemory,
    loss::MeanSquaredError,
    model,
    optim::Adam,
    prelude::*,
    shape::Const,
    train::{Fit, Trainer},
};

#[model(input = (Batch, Length, 2), output = (Batch, Length, 1))]
struct Net {
    #[with(stateful = true)]
    lstm: Lstm<_, 4, Sequences>,
    #[with(stateful = true)]
    gru: Gru<_, 3, Sequences>,
    head: TimeDistributed<Dense<_, 1>>,
}

type X = Tensor<(usize, usize, Const<2>), f32, Cpu>;

fn chunk(rows: usize, from: usize, to: usize) -> X {
    let value = |row: usize, i: usize| ((row * 100 + from * 2 + i) as f32 * 0.37).sin();
    let values = (0..rows).flat_map(|row| (0..(to - from) * 2).map(move |i| value(row, i)));
    Cpu::default().tensor_from_vec(values.collect(), (rows, to - from, Const))
}

fn near(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6)
}

#[test]
fn two_chunks_are_the_whole() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let whole = net.forward(chunk(2, 0, 6))?.as_vec();
    net.lstm.reset_state();
    net.gru.reset_state();
    let (a, b) = (net.forward(chunk(2, 0, 2))?.as_vec(), net.forward(chunk(2, 2, 6))?.as_vec());
    let joined: Vec<f32> = [&a[..2], &b[..4], &a[2..], &b[4..]].concat();
    assert!(near(&joined, &whole), "{joined:?} {whole:?}");

    // A layer without a type does the same, and a clone has states of its own.
    let mut dynamic = DynamicLayer::from_layer(&net.lstm)?;
    let mut other = net.lstm.clone();
    other.reset_state();
    for (from, to) in [(0, 2), (2, 6)] {
        let y = other.forward_mut(chunk(2, from, to))?.as_vec();
        assert!(near(dynamic.run(chunk(2, from, to))?.values(), &y));
    }
    Ok(())
}

#[test]
fn a_pass_that_fails_leaves_the_states() -> Result<(), Error> {
    let mut net = Net::build(&Cpu::seed_from_u64(0))?;
    net.forward(chunk(2, 0, 3))?;
    let before = net.clone();
    let error = net.forward(chunk(3, 0, 3)).unwrap_err().to_string();
    let expected = "the rows of the state that a stateful layer has kept: expected 3, found 2";
    assert!(error.contains(expected), "{error}");
    // The LSTM is through when the GRU fails.
    net.gru.kernel = Cpu::default().tensor_from_vec(vec![0.0; 8], (Const, 2));
    net.forward(chunk(2, 3, 5)).unwrap_err();
    net.gru.kernel = before.gru.kernel.clone();
    let found = net.forward_mut(chunk(2, 3, 5))?.as_vec();
    assert_eq!(found, before.forward(chunk(2, 3, 5))?.as_vec());
    Ok(())
}

#[test]
fn training_keeps_them_too_and_a_failed_step_does_not() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let rows = |n: usize, bad: f32| {
        let x: Vec<[[f32; 2]; 3]> = (0..n).map(|i| [[i as f32 * 0.1, 0.2]; 3]).collect();
        let y = vec![[[bad]; 3]; n];
        InMemory::new(x, y)
    };
    let mut trainer = Trainer::new(net, MeanSquaredError, Adam::new(0.01))?;
    let fit = Fit { batch_size: 2, ..Fit::epochs(2) };
    trainer.fit(&rows(4, 0.5)?, &fit)?;
    let x = || chunk(2, 0, 2);
    let before = trainer.model.clone();
    trainer.fit(&rows(2, f32::INFINITY)?, &fit).unwrap_err();
    assert_eq!(trainer.model.forward(x())?.as_vec(), before.forward(x())?.as_vec());
    let fresh = before.clone();
    fresh.lstm.reset_state();
    assert_ne!(fresh.forward(x())?.as_vec(), before.clone().forward(x())?.as_vec());
    Ok(())
}

#[model(input = Ids<(Batch, Length)>, output = (Batch, 4))]
struct Both {
    embed: Embedding<9, 3, MaskZero>,
    both: Bidirectional<Gru<_, 4>, Sum>,
}

#[test]
fn both_directions_keep_theirs() -> Result<(), Error> {
    let mut net = Both::build(&Cpu::seed_from_u64(0))?;
    (net.both.forward.stateful, net.both.backward.stateful) = (true, true);
    let ids = || Cpu::default().tensor_from_vec(vec![3, 4, 0, 5, 0, 0], (2, 3));
    let first = net.forward(ids())?.as_vec();
    assert_ne!(net.forward(ids())?.as_vec(), first);
    net.both.reset_state();
    assert_eq!(net.forward(ids())?.as_vec(), first);
    Ok(())
}

/// A training that goes on from a file has the states that the layers had then, and so the same numbers.
fn resumes<M>(folder: &str, build: impl Fn(u64) -> Result<M, Error>) -> Result<(), Error>
where
    M: Model<Input = (Batch, Length, Const<2>), Output = (Batch, Length, Const<1>)>
        + Send
        + 'static,
{
    let folder = std::env::temp_dir().join(format!("kerata-{folder}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let every = folder.join("{epoch}-{batch}.safetensors").display().to_string();
    let rows = |at: usize| -> Vec<[f32; 2]> {
        (0..3).map(|i| [(at + i) as f32 * 0.31, (at * i) as f32 * 0.17]).collect()
    };
    let x: Vec<Vec<[f32; 2]>> = (0..6).map(rows).collect();
    let y: Vec<Vec<[f32; 1]>> = (0..6).map(|at| vec![[(at as f32).sin()]; 3]).collect();
    let data = InMemory::new(x, y)?;
    let fit = Fit { batch_size: 2, ..Fit::epochs(2) };
    let mut whole = Trainer::new(build(1)?, MeanSquaredError, Adam::new(0.01))?
        .callback(ModelCheckpoint::new(every).every_batches(1));
    let history = whole.fit(&data, &fit)?;
    let after = whole.model.forward(chunk(2, 0, 3))?.as_vec();
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let again = folder.join("again.safetensors").display().to_string();
        let mut resumed = Trainer::new(build(2)?, MeanSquaredError, Adam::new(0.01))?
            .callback(ModelCheckpoint::new(again).every_batches(1000));
        // What it has kept before is not what the file says.
        resumed.model.forward(chunk(2, 3, 5))?;
        resumed.resume(&path)?;
        assert_eq!(resumed.fit(&data, &fit)?, history, "{}", path.display());
        assert_eq!(resumed.model.forward(chunk(2, 0, 3))?.as_vec(), after, "{}", path.display());
        files += 1;
    }
    assert_eq!(files, 6);
    std::fs::remove_dir_all(folder).unwrap();
    Ok(())
}

#[test]
fn checkpoints_hold_them() -> Result<(), Error> {
    resumes("stateful", |seed| Net::build(&Cpu::seed_from_u64(seed)))
}

#[model(input = (Batch, Length, 2), output = (Batch, Length, 1))]
struct Stacked {
    both: Bidirectional<StackedRnn<(Lstm<_, 4, Sequences>, Gru<4, 3, Sequences>)>, Sum>,
    head: TimeDistributed<Dense<_, 1>>,
}

#[test]
fn those_of_a_stack_too() -> Result<(), Error> {
    resumes("stacked", |seed| {
        let mut net = Stacked::build(&Cpu::seed_from_u64(seed))?;
        for stack in [&mut net.both.forward, &mut net.both.backward] {
            (stack.layers.0.stateful, stack.layers.1.stateful) = (true, true);
        }
        Ok(net)
    })
}

/// A layer from a config shows what it keeps, also where its weights have rules.
#[test]
fn those_of_a_dynamic_layer_too() -> Result<(), Error> {
    for rules in ["", r#", "kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.01}}"#] {
        let layers = format!(
            r#"{{"class_name": "Sequential", "config": {{"layers": [
                {{"class_name": "LSTM", "config": {{"units": 3, "return_sequences": true, "stateful": true{rules}}}}},
                {{"class_name": "Dense", "config": {{"units": 1}}}}]}}}}"#
        );
        resumes("dynamic", |_| {
            layer_from_config(&layers.parse()?, &CustomObjects::new())?
                .typed::<(Batch, Length, Const<2>), (Batch, Length, Const<1>)>()
        })?;
    }
    Ok(())
}
