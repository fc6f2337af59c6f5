//! Memory does not grow while a model is trained or saved: resident pages after 200 steps against those after 1,000.

use std::{path::PathBuf, sync::Mutex};

use std::io::Write;

use kerata::{
    Batch, BatchNorm, Conv2d, Cpu, Dense, Dropout, Embedding, Error, Flatten, Ids, Lstm, MaskZero,
    MaxPool2d, Relu, Sequences, Softmax,
    data::InMemory,
    loss::SparseCategoricalCrossentropy,
    model,
    optim::Adam,
    prelude::*,
    train::{Fit, Trainer},
};

/// How many bytes more may be resident after 800 further steps. One buffer of a step that is kept by mistake
/// would be 800 times some kilobytes.
const MORE: u64 = 2 << 20;

#[model(input = Ids<(Batch, 12)>, output = (Batch, 3))]
struct Words {
    embed: Embedding<50, 16, MaskZero>,
    lstm1: Lstm<_, 16, Sequences>,
    drop: Dropout<50>,
    lstm2: Lstm<_, 16>,
    head: Dense<_, 3, Softmax>,
}

#[model(input = (Batch, 8, 8, 1), output = (Batch, 3))]
struct Images {
    conv: Conv2d<_, 8, 3>,
    norm: BatchNorm<_>,
    relu: Relu,
    pool: MaxPool2d<2>,
    flatten: Flatten<_>,
    head: Dense<_, 3, Softmax>,
}

/// One test at a time: the pages are those of the process.
static ALONE: Mutex<()> = Mutex::new(());

const UNKNOWN: &str = "SKIPPED: this system does not tell how much memory is resident";

/// Resident bytes of this process, where the system tells.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? << 10)
}

#[test]
fn a_thousand_steps_take_no_more_memory_than_two_hundred() -> Result<(), Error> {
    if resident().is_none() {
        // Not `eprintln!`: the test runner captures that.
        writeln!(std::io::stderr(), "{UNKNOWN}").unwrap();
        return Ok(());
    }
    let _alone = ALONE.lock();
    let labels: Vec<usize> = (0..80).map(|i| i % 3).collect();
    let texts: Vec<[usize; 12]> = (0..80)
        .map(|i| std::array::from_fn(|t| if t < 3 + i % 10 { 1 + (i * 7 + t) % 49 } else { 0 }))
        .collect();
    let pictures: Vec<[[[f32; 1]; 8]; 8]> = (0..80).map(|i| [[[i as f32 / 80.0]; 8]; 8]).collect();
    let dev = Cpu::seed_from_u64(0);
    let loss = SparseCategoricalCrossentropy::default();
    let mut words = Trainer::new(Words::build(&dev)?, loss, Adam::default())?;
    let mut images = Trainer::new(Images::build(&dev)?, loss, Adam::default())?;
    let texts = InMemory::new(texts, labels.clone())?;
    let pictures = InMemory::new(pictures, labels)?;

    // 10 steps an epoch, of batches of 8.
    let mut train = |epochs| {
        let fit = Fit { batch_size: 8, progress: false, ..Fit::epochs(epochs) };
        words.fit(&texts, &fit)?;
        images.fit(&pictures, &fit)?;
        Ok::<_, Error>((words.steps(), resident().unwrap_or(0)))
    };
    let (_, before) = train(20)?;
    let (steps, after) = train(80)?;
    assert_eq!(steps, 1000);
    assert!(
        after <= before + MORE,
        "{} KiB after 200 steps, {} KiB after 1000",
        before >> 10,
        after >> 10
    );
    println!("{} KiB after 200 steps, {} KiB after 1000", before >> 10, after >> 10);
    Ok(())
}

/// The path was kept once per file that was saved.
#[test]
fn a_thousand_files_take_no_more_memory_than_a_hundred() -> Result<(), Error> {
    if resident().is_none() {
        writeln!(std::io::stderr(), "{UNKNOWN}").unwrap();
        return Ok(());
    }
    let _alone = ALONE.lock();
    // In memory, where there is such a folder, because each file is synced; by a path of 3,500 bytes.
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let again = format!("../{}/", folder.file_name().unwrap().display()).repeat(500);
    let path = folder.join(format!("{again}kerata-memory-{}.npz", std::process::id()));
    let model = Dense::<2, 2>::build(&Cpu::default())?;
    let save = |times| (0..times).try_for_each(|_| model.save_weights(&path));
    save(100)?;
    let before = resident();
    save(1000)?;
    let after = resident();
    std::fs::remove_file(&path).unwrap();
    let (before, after) = (before.unwrap_or(0), after.unwrap_or(0));
    assert!(after <= before + MORE, "{} KiB more", (after - before) >> 10);
    Ok(())
}
