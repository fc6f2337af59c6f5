//! Where there is no memory there is an error, and the process goes on. Each test runs itself again, in a process that
//! may take 1.5 GB.

use std::{io::Write, process::Command};

use dfdx::tensor::{TensorFromVec, Trace};
use kerata::{
    Backend, Batch, Const, Conv2d, Cpu, Dense, Element, Embedding, Error, Lstm, Mask, Masking,
    RepeatVector, Sequences, Tensor, ZeroPadding2d,
    config::{CustomObjects, DynamicValue, FromDynamic, Initializer, layer_from_config},
    data::{
        Dataset, InMemory, Order, Padded, Ragged, Side, Stream, from_one_hot_padded, one_hot,
        one_hot_padded, try_pad_sequences,
    },
    init,
    prelude::*,
    signal::Signal,
};

/// Says, in the process that is limited, that it is.
const LIMITED: &str = "KERATA_TEST_LIMITED";

/// Runs a test again with at most 1.5 GB, if this is not that run; true if it is.
fn limited(name: &str) -> bool {
    if std::env::var_os(LIMITED).is_some() {
        return true;
    }
    if !cfg!(target_os = "linux") {
        // Not `eprintln!`: the test runner captures that.
        let _ = writeln!(std::io::stderr(), "SKIPPED: `ulimit -v` limits memory on Linux only");
        return false;
    }
    let output = Command::new("sh")
        .args(["-c", "ulimit -v 1500000 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(LIMITED, "1")
        .output()
        .unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, errors) = (said(&output.stdout), said(&output.stderr));
    assert!(output.status.success(), "{}:\n{out}{errors}", output.status);
    assert!(out.contains("1 passed"), "{out}");
    false
}

#[track_caller]
fn no_memory<T>(result: Result<T, Error>) {
    match result.err() {
        Some(Error::Device(message)) => eprintln!("{message}"),
        Some(other) => panic!("{other}"),
        None => panic!("there was memory"),
    }
}

fn column<E: Element>(rows: usize) -> Tensor<(Batch, Const<1>), E, Cpu>
where
    Cpu: Backend<E>,
{
    Cpu::default().tensor_from_vec(vec![E::of(0.5); rows], (rows, Const))
}

#[test]
fn building() {
    if !limited("memory::building") {
        return;
    }
    let dev = Cpu::default();
    no_memory(Dense::<200_000, 100_000>::build(&dev));
    no_memory(Dense::<200_000, 100_000, kerata::Linear, f64>::build(&dev));
    no_memory(Embedding::<1_000_000_000, 1000>::build(&dev));
    no_memory(Lstm::<2, 1_000_000>::build(&dev));
    no_memory(Conv2d::<100_000, 100_000, 3>::build(&dev));
    no_memory(init::zeros::<_, f32, _>(&dev, (1 << 40,)));
    no_memory(init::ones::<_, f64, _>(&dev, (usize::MAX / 2, 4)));
    no_memory(init::uniform::<_, f32, _>(&dev, (1 << 31,), 1.0));
    no_memory(init::orthogonal::<_, f32, _>(&dev, (1 << 20, 1 << 20), 1 << 20, 1 << 20));
}

fn layers<E: Element>()
where
    Cpu: Backend<E>,
{
    let dev = Cpu::default();
    let wide = Dense::<1, 100_000, kerata::Tanh, E>::build(&dev).unwrap();
    no_memory(wide.forward(column::<E>(20_000)));
    no_memory(wide.forward(column::<E>(20_000).leaky_traced()));
    no_memory(RepeatVector::<1_000_000_000>.forward(column::<E>(2)));
    let x: Tensor<(Batch, usize, usize, Const<1>), E, Cpu> =
        dev.tensor_from_vec(vec![E::of(0.5)], (1, 1, 1, Const));
    no_memory(ZeroPadding2d::<100_000>.forward(x));
    // For `f32` 2 GB, and not more: before it asks for them, the reference makes blocks of the rows.
    let ids: Tensor<(Batch, usize), usize, Cpu> =
        dev.tensor_from_vec(vec![1; 250_000], (1000, 250));
    let lstm = Lstm::<1, 300, Sequences, E>::build(&dev).unwrap();
    let steps: Tensor<(Batch, usize, Const<1>), E, Cpu> =
        dev.tensor_from_vec(vec![E::of(0.5); 2_000_000], (1000, 2000, Const));
    no_memory(lstm.forward(steps));
    let table = Embedding::<2, 2000, kerata::NoMask, E>::build(&dev).unwrap();
    no_memory(table.forward(ids));
}

#[test]
fn running() {
    if limited("memory::running") {
        layers::<f32>();
    }
}

#[test]
fn running_in_double_precision() {
    if limited("memory::running_in_double_precision") {
        layers::<f64>();
    }
}

#[test]
fn masks_and_batches() {
    if !limited("memory::masks_and_batches") {
        return;
    }
    no_memory(Mask::try_full(1 << 20, 1 << 20));
    no_memory(Mask::full(1 << 40, 0).try_lengths());
    // Of each there is one, and no room for another.
    let mask = Mask::from_bools(vec![false; 800 << 20], 800, 1 << 20).unwrap();
    no_memory(mask.or(&mask));
    drop(mask);
    no_memory(Mask::from_ids(&vec![0; 170 << 20], 170, 1 << 20));
    let part = column::<f32>(100_000_000);
    let parts = vec![part; 20];
    no_memory(<(Batch, Const<1>) as Signal>::concat::<f32, Cpu>(&parts));
}

#[test]
fn dynamic_layers() {
    if !limited("memory::dynamic_layers") {
        return;
    }
    let layer = |config: &str| layer_from_config(&config.parse().unwrap(), &CustomObjects::new());
    let repeat = r#"{"class_name":"RepeatVector","config":{"n":268435456}}"#;
    let mut repeat = layer(repeat).unwrap();
    let x = || DynamicValue::numbers([4, 1], vec![0.5; 4]).unwrap();
    assert!(repeat.run(x()).is_err());
    // A short config that asks for much more in front of a few values than there is room for.
    let far = r#"{"class_name":"ZeroPadding1D","config":{"padding":120000000}}"#;
    no_memory(layer(far).unwrap().run(DynamicValue::numbers([1, 10, 1], vec![0.5; 10]).unwrap()));
}

#[test]
fn copies_of_numbers() {
    if !limited("memory::copies_of_numbers") {
        return;
    }
    let dev = Cpu::default();
    // Of each there is one, and no room for another.
    let x: Tensor<(Batch, Batch, Const<1>), f32, Cpu> =
        dev.tensor_from_vec(vec![0.0; 200 << 20], (200, 1 << 20, Const));
    no_memory(Masking::default().forward(x.clone()));
    no_memory(<(Batch, Batch, Const<1>) as FromDynamic>::try_into_dynamic(x));
    let ids: Tensor<(Batch, Batch), usize, Cpu> =
        dev.tensor_from_vec(vec![0; 100 << 20], (100, 1 << 20));
    let table = Embedding::<2, 1>::build(&dev).unwrap();
    no_memory(table.forward(ids));
}

#[test]
fn initial_numbers() {
    if !limited("memory::initial_numbers") {
        return;
    }
    let dev = Cpu::default();
    for how in [
        "zeros",
        "ones",
        "random_uniform",
        "random_normal",
        "truncated_normal",
        "glorot_normal",
        "lecun_normal",
        "he_uniform",
        "orthogonal",
        "identity",
    ] {
        let how = Initializer::parse(&how.into()).unwrap();
        no_memory(how.fill::<_, f32, _>(&dev, (1 << 20, 1 << 20)));
        no_memory(how.fill::<_, f64, _>(&dev, (1 << 20, 1 << 20)));
        no_memory(how.fill::<_, f32, _>(&dev, (usize::MAX / 2 + 4, 2)));
    }
}

/// Samples that each have memory of their own.
#[test]
fn copies_of_rows() {
    if !limited("memory::copies_of_rows") {
        return;
    }
    // Of each row there is one, and no room for another.
    let row = || vec![[0.0_f32; 1024]; 120 << 10];
    let rows = || vec![row(), row()];
    let targets = || vec![0_usize, 1];
    let data = InMemory::new(rows(), targets()).unwrap();
    no_memory(data.split(0.5));
    drop(data);
    let data = InMemory::new(Ragged(rows()), targets()).unwrap();
    no_memory(data.split_shuffled(0.5, 1));
    drop(data);
    let padded = rows().into_iter().map(Padded).collect::<Vec<_>>();
    no_memory(InMemory::new(padded, targets()).unwrap().split(0.5));
    let boxed = rows().into_iter().map(|row| (row.into_boxed_slice(), 1_usize));
    no_memory(InMemory::new(boxed.collect::<Vec<_>>(), targets()).unwrap().split(0.5));
}

/// A stream that never ends, into a buffer and a batch that are never full.
#[test]
fn endless_samples() {
    if !limited("memory::endless_samples") {
        return;
    }
    let endless =
        || Stream::new(|_| Ok(std::iter::repeat_with(|| Ok(([0.5_f32; 1 << 15], [1.0_f32])))));
    let order = Order::sequential(usize::MAX);
    let mut batches = endless().batched();
    no_memory(batches.batches::<f32, _>(order, &Cpu::default()).next().unwrap().map(drop));
    batches = endless().shuffle(usize::MAX, 1).batched();
    let order = Order { shuffle: Some(1), ..Order::sequential(2) };
    no_memory(batches.batches::<f32, _>(order, &Cpu::default()).next().unwrap().map(drop));
}

#[test]
fn rows_of_data() {
    if !limited("memory::rows_of_data") {
        return;
    }
    let ids = vec![[0; 100]; 1000];
    no_memory(one_hot::<100_000, 100>(&ids));
    no_memory(one_hot_padded::<100_000, 100>(&ids));
    let zeros: [[f32; 0]; 1000] = [[]; 1000];
    no_memory(from_one_hot_padded(&std::iter::repeat_n(zeros, 1 << 20).collect::<Vec<_>>()));
    no_memory(try_pad_sequences::<1_000_000, u64>(&vec![vec![1]; 1000], 0, Side::Post, Side::Post));
}
