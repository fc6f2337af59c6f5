//! Samples in a `.npy`, of which the rows of a batch are read.

use std::path::PathBuf;

use kerata::{
    Batch, Const, Cpu, Dense, Error,
    data::{InMemory, NpyFile, Samples},
    loss::MeanSquaredError,
    model::Sequential,
    optim::Sgd,
    prelude::*,
    train::{Fit, Trainer},
};

type Net = Sequential<(Batch, Const<2>), (Dense<2, 1>,)>;

struct Written(PathBuf);

impl Drop for Written {
    fn drop(&mut self) {
        // It may be gone already.
        drop(std::fs::remove_file(&self.0));
    }
}

/// A file as NumPy writes it.
fn written(name: &str, descr: &str, shape: &str, values: &[u8]) -> Written {
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    header.push_str(&" ".repeat(117 - header.len()));
    header.push('\n');
    let length = (header.len() as u16).to_le_bytes();
    let bytes = [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), values].concat();
    let path = std::env::temp_dir().join(format!("kerata-files-{}-{name}.npy", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    Written(path)
}

fn floats(values: impl IntoIterator<Item = f32>) -> Vec<u8> {
    values.into_iter().flat_map(f32::to_le_bytes).collect()
}

#[test]
fn a_file_gives_the_numbers_of_its_values() {
    let rows: Vec<[f32; 2]> = (0..21).map(|i| [i as f32 / 21.0, (i % 4) as f32]).collect();
    let targets: Vec<[f32; 1]> = rows.iter().map(|[a, b]| [2.0 * a - b]).collect();
    let x = written("x", "<f4", "(21, 2)", &floats(rows.iter().flatten().copied()));
    // Of another type and byte order.
    let big: Vec<u8> = targets.iter().flat_map(|y| f64::from(y[0]).to_be_bytes()).collect();
    let y = written("y", ">f8", "(21,)", &big);
    let files = InMemory::new(
        NpyFile::<[f32; 2]>::open(&x.0).unwrap(),
        NpyFile::<f32>::open(&y.0).unwrap(),
    )
    .unwrap();
    let memory = InMemory::new(rows, targets).unwrap();
    let fit = Fit { batch_size: 4, progress: false, ..Fit::epochs(3) };
    let trainer = || {
        let model = Net::build(&Cpu::seed_from_u64(1)).unwrap();
        Trainer::new(model, MeanSquaredError, Sgd::new(0.05)).unwrap()
    };
    let (train, validation) = memory.split_shuffled(0.3, 5).unwrap();
    let expected = trainer().fit_validated(&train, &validation, &fit).unwrap();
    let (train, validation) = files.split_shuffled(0.3, 5).unwrap();
    assert_eq!(trainer().fit_validated(&train, &validation, &fit).unwrap(), expected);
    let ahead = train.stream().prefetch(2);
    assert_eq!(trainer().fit_validated(&ahead, &validation, &fit).unwrap(), expected);
}

#[test]
fn ids_are_read_from_whole_numbers() {
    let values: Vec<u8> = [3_i64, 0, 7, -1].into_iter().flat_map(i64::to_le_bytes).collect();
    let file = written("ids", "<i8", "(2, 2)", &values);
    let ids = NpyFile::<[usize; 2]>::open(&file.0).unwrap();
    assert_eq!(ids.batch::<f32, Cpu>(&[0], &Cpu::default()).unwrap().as_vec(), [3, 0]);
    let error = ids.batch::<f32, Cpu>(&[0, 1], &Cpu::default()).unwrap_err();
    assert_eq!(error, Error::NotAnId { row: 1, value: "-1".to_owned() });
    assert_eq!(ids.values(&[0]).unwrap(), [3, 0]);
    assert!(ids.values(&[2]).is_err());
    // Whole numbers may be values too.
    let pixels = written("pixels", "|u1", "(2, 3)", &[0, 1, 2, 253, 254, 255]);
    let pixels = NpyFile::<Vec<f32>>::open(&pixels.0).unwrap();
    assert_eq!(pixels.values(&[1]).unwrap(), [253.0, 254.0, 255.0]);
    let pixels = pixels.select(&[1, 0]).unwrap().select(&[1]).unwrap();
    assert_eq!(pixels.values(&[0]).unwrap(), [0.0, 1.0, 2.0]);
}

fn refusal<S: kerata::data::Nested>(file: &Written) -> String {
    let error = NpyFile::<S>::open(&file.0).unwrap_err().to_string();
    error.split_once(": ").unwrap().1.to_owned()
}

#[test]
fn files_that_do_not_fit_are_refused() {
    let four = floats([0.0; 4]);
    let file = written("rank", "<f4", "(2, 2)", &four);
    assert_eq!(refusal::<[f32; 3]>(&file), "the array has the shape [2, 2], not (Batch, 3)");
    let message = "the array has the shape [2, 2], not (Batch,)";
    assert_eq!(refusal::<usize>(&file), message);
    let message = "ids and labels are whole numbers, not F32 values";
    assert_eq!(refusal::<[usize; 2]>(&file), message);
    let file = written("short", "<f4", "(3, 2)", &four);
    assert_eq!(refusal::<[f32; 2]>(&file), "the file has 16 bytes of values, and 24 are needed");
    let huge = format!("({}, 2)", 1_u64 << 62);
    let file = written("huge", "<f8", &huge, &four);
    assert!(
        refusal::<[f32; 2]>(&file).contains("more elements than fit"),
        "{}",
        refusal::<[f32; 2]>(&file)
    );
    let file = written("scalar", "<f4", "()", &four);
    assert_eq!(refusal::<f32>(&file), "the array is one value, without rows");
    // What is no array, or not all of one.
    let file = written("torn", "<f4", "(2, 2)", &four);
    let whole = std::fs::read(&file.0).unwrap();
    for text in ["hello", "hello world, how are you?"] {
        std::fs::write(&file.0, text).unwrap();
        assert_eq!(refusal::<[f32; 2]>(&file), "this is no array of NumPy", "{text}");
    }
    for bytes in [6, 7, 8, 9, 40] {
        std::fs::write(&file.0, &whole[..bytes]).unwrap();
        assert_eq!(refusal::<[f32; 2]>(&file), "the file ends in its header", "{bytes}");
    }
    let file = Written(PathBuf::from("no/such/file.npy"));
    assert!(!refusal::<f32>(&file).is_empty());
    let file = written("none", "<f4", "(0, 2)", &[]);
    let none = NpyFile::<[f32; 2]>::open(&file.0).unwrap();
    assert_eq!(InMemory::new(none, Vec::<usize>::new()).unwrap_err(), Error::Empty("the dataset"));
}

#[test]
fn a_file_that_is_cut_off_while_it_is_read_is_an_error() {
    let file = written("cut", "<f4", "(8, 2)", &floats((0..16).map(|i| i as f32)));
    let rows = NpyFile::<[f32; 2]>::open(&file.0).unwrap();
    let data = InMemory::new(rows, vec![[1.0_f32]; 8]).unwrap();
    std::fs::OpenOptions::new()
        .write(true)
        .open(&file.0)
        .unwrap()
        .set_len(128 + 4 * 8 + 3)
        .unwrap();
    let model = Net::build(&Cpu::seed_from_u64(1)).unwrap();
    let mut trainer = Trainer::new(model, MeanSquaredError, Sgd::new(0.05)).unwrap();
    let fit = Fit { batch_size: 2, shuffle: false, progress: false, ..Fit::default() };
    let error = trainer.fit(&data, &fit).unwrap_err();
    assert!(matches!(error, Error::File { .. }), "{error}");
    assert_eq!(trainer.steps(), 2);
}

/// Bytes in memory, and a file that is mapped into it, give what the file gives.
#[test]
fn bytes_and_maps_are_read_as_files_are() {
    let file = written("map", "<f4", "(40, 3)", &floats((0..120).map(|i| (i as f32).sin())));
    let opened = NpyFile::<[f32; 3]>::open(&file.0).unwrap();
    let bytes = NpyFile::<[f32; 3]>::from_bytes(std::fs::read(&file.0).unwrap()).unwrap();
    let map = std::fs::File::open(&file.0).unwrap();
    // SAFETY: the file has a name of its own, and nothing changes it until it is removed.
    let map = unsafe { memmap2::Mmap::map(&map) }.unwrap();
    let map = NpyFile::<[f32; 3]>::from_bytes(map).unwrap();
    let rows = [39, 0, 1, 2, 17, 3];
    let expected = opened.values(&rows).unwrap();
    assert_eq!(expected[3 * 4], (51.0_f32).sin());
    for other in [bytes, map] {
        assert_eq!(other.sizes(), [40, 3]);
        assert_eq!(other.values(&rows).unwrap(), expected);
        assert_eq!(
            other.select(&rows).unwrap().values(&[4, 0]).unwrap(),
            [&expected[12..15], &expected[..3]].concat()
        );
        assert!(other.values(&[40]).is_err());
    }
    let error = NpyFile::<[f32; 3]>::from_bytes(b"hello world".to_vec()).unwrap_err();
    assert!(error.to_string().contains("no array of NumPy"), "{error}");
    let short = std::fs::read(&file.0).unwrap()[..200].to_vec();
    assert!(NpyFile::<[f32; 3]>::from_bytes(short).is_err());
}

/// What owns bytes may show fewer of them later on.
#[test]
fn bytes_that_become_fewer_are_an_error() {
    struct Fewer(Vec<u8>, std::sync::atomic::AtomicBool);

    impl AsRef<[u8]> for Fewer {
        fn as_ref(&self) -> &[u8] {
            match self.1.load(std::sync::atomic::Ordering::Relaxed) {
                true => &self.0[..140],
                false => &self.0,
            }
        }
    }

    struct Shared(std::sync::Arc<Fewer>);

    impl AsRef<[u8]> for Shared {
        fn as_ref(&self) -> &[u8] {
            (*self.0).as_ref()
        }
    }

    let file = written("fewer", "<f4", "(8, 2)", &floats([1.0; 16]));
    let bytes = std::fs::read(&file.0).unwrap();
    let fewer = std::sync::Arc::new(Fewer(bytes, false.into()));
    let rows = NpyFile::<[f32; 2]>::from_bytes(Shared(fewer.clone())).unwrap();
    assert_eq!(rows.values(&[7]).unwrap(), [1.0, 1.0]);
    fewer.1.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(matches!(rows.values(&[7]), Err(Error::File { .. })));
    assert_eq!(rows.values(&[0]).unwrap(), [1.0, 1.0]);
}
