//! What the processes do.

use std::{path::PathBuf, process::Command, thread::sleep, time::Duration};

use kerata::{
    Batch, BatchNorm, Bidirectional, Cpu, Dense, Dropout, Embedding, Error, Ids, Length, Lstm,
    MaskZero, Relu, Softmax,
    callbacks::ModelCheckpoint,
    data::{InMemory, Ragged},
    distributed::Communicator,
    loss::SparseCategoricalCrossentropy,
    metric::SparseCategoricalAccuracy,
    model,
    optim::Adam,
    prelude::*,
    reduce::PerSample,
    train::{Callback, Fit, History, Trainer, Training},
};
use kerata_mpi::{Mpi, MpiRank};

pub(crate) fn play(scene: &str) {
    let result = match scene {
        "sums" => Mpi::new().run(sums),
        "alone" => train(None, scene).map(|history| print(&history)),
        "train" | "killed" | "resume" => Mpi::new().run(|rank| {
            let first = rank.rank() == 0;
            let history = train(Some(rank), scene)?;
            if first {
                print(&history);
            }
            Ok(())
        }),
        "fail" => Mpi::new().run(|rank| match rank.rank() {
            2 => Err(Error::Empty("the disk")),
            _ => rank.sum(&mut [1.0]),
        }),
        "panic" => Mpi::new().run(|rank| {
            assert!(rank.rank() != 1, "the machine is gone");
            rank.sum(&mut [1.0])
        }),
        "hang" => Mpi::new().with_timeout(Duration::from_secs(2)).run(|rank| {
            // The others are waiting for each other already.
            sleep(Duration::from_millis(if rank.rank() == 2 { 500 } else { 0 }));
            rank.sum(&mut [1.0])?;
            if rank.rank() == 1 {
                sleep(Duration::from_secs(50));
            }
            rank.sum_f64(&mut [1.0; 1000])
        }),
        "stop" => Mpi::new().with_timeout(Duration::from_secs(2)).run(|rank| {
            rank.sum(&mut [1.0])?;
            if rank.rank() == 1 {
                signal("-STOP");
            }
            rank.sum_f64(&mut [1.0; 1000])
        }),
        other => panic!("no scene is called {other}"),
    };
    result.unwrap();
}

/// Sends this process a signal that nothing in it handles.
fn signal(signal: &str) {
    let own = std::process::id().to_string();
    Command::new("kill").args([signal, &own]).status().unwrap();
    sleep(Duration::from_secs(50));
}

/// Prints the bits of sums that depend on the order of their terms.
fn sums(rank: MpiRank) -> Result<(), Error> {
    let mut bits = Vec::new();
    for length in [0, 1, 2, 7, 1000, 100_000] {
        let value = |i: usize| ((i * 31 + rank.rank() * 17 + 1) as f64 * 0.37).sin() * 1e3;
        let mut wide: Vec<f64> = (0..length).map(value).collect();
        let mut narrow: Vec<f32> = wide.iter().map(|&value| value as f32).collect();
        rank.sum(&mut narrow)?;
        rank.sum_f64(&mut wide)?;
        for (i, (wide, narrow)) in wide.iter().zip(&narrow).enumerate() {
            let all =
                (0..rank.size()).map(|other| ((i * 31 + other * 17 + 1) as f64 * 0.37).sin() * 1e3);
            let right: f64 = all.sum();
            assert!((wide - right).abs() < 1e-9 && (f64::from(*narrow) - right).abs() < 1e-2);
        }
        let of_narrow = narrow.iter().map(|value| u64::from(value.to_bits()));
        let of_all = wide.iter().map(|value| value.to_bits()).chain(of_narrow);
        bits.push(of_all.fold(0_u64, |hash, bits| (hash ^ bits).wrapping_mul(0x100_0000_01B3)));
    }
    println!("{bits:x?}");
    Ok(())
}

#[model(input = Ids<(Batch, Length)>, output = (Batch, 3))]
struct Texts {
    embed: Embedding<9, 6, MaskZero>,
    context: Bidirectional<Lstm<_, 4>>,
    norm: BatchNorm<_>,
    hidden: Dense<_, 6, Relu>,
    drop: Dropout<20>,
    head: Dense<_, 3, Softmax>,
}

/// Texts of unequal lengths, some without any word, of unequal weights.
fn data() -> Result<InMemory<Ragged<usize>, Vec<usize>, PerSample>, Error> {
    let text = |i: usize| match i % 5 {
        4 => vec![0; 1 + i % 3],
        _ => (0..1 + i * 7 % 6).map(|j| 1 + (i + j * 3) % 8).collect(),
    };
    let texts = Ragged((0..23).map(text).collect());
    let labels = (0..23).map(|i| i * 7 % 3).collect();
    let weights = (0..23).map(|i| (i % 4) as f32 / 2.0).collect();
    InMemory::new(texts, labels)?.with_weights(PerSample(weights))
}

/// Says in which epoch a training goes on.
struct Resumed;

impl<M> Callback<M> for Resumed {
    fn on_train_begin(&mut self, training: &mut Training<'_, M>) -> Result<(), Error> {
        if let Some(epoch) = training.resumed() {
            println!("resumed in epoch: {epoch}");
        }
        Ok(())
    }
}

fn train(rank: Option<MpiRank>, scene: &str) -> Result<History, Error> {
    let own = rank.as_ref().map_or(0, Communicator::rank);
    // Only the weights of rank 0 count.
    let model = Texts::build(&Cpu::seed_from_u64(3 + own as u64))?;
    let loss = SparseCategoricalCrossentropy::default();
    let folder = PathBuf::from(std::env::var_os(super::FOLDER).unwrap());
    let path = folder.join("checkpoint.safetensors");
    let save = ModelCheckpoint::new(path.to_str().unwrap()).every_batches(1);
    let mut batches = 0;
    let killed = scene == "killed" && own == 2;
    let mut trainer = Trainer::new(model, loss, Adam::new(0.01))?
        .weighted_metric(SparseCategoricalAccuracy)
        .callback(save)
        .callback(Resumed)
        .augment(move |x, y, _| {
            batches += 1;
            if killed && batches == 9 {
                signal("-9");
            }
            Ok((x, y))
        });
    if let Some(rank) = rank {
        trainer = trainer.distributed(rank);
    }
    if scene == "resume" {
        trainer.resume(&path)?;
    }
    // 5 batches an epoch.
    trainer.fit(&data()?, &Fit { batch_size: 5, progress: false, ..Fit::epochs(10) })?;
    Ok(trainer.history().clone())
}

fn print(history: &History) {
    for name in history.names() {
        let values = history.get(name).unwrap_or_default();
        let values: Vec<String> = values.iter().map(|value| format!("{value:e}")).collect();
        println!("{name}: {}", values.join(" "));
    }
}
