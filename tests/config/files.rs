//! Weight files.

use std::{fs, path::PathBuf, sync::LazyLock};

use kerata::{
    Cpu, Dense, Embedding, Error, Lstm, MaskZero, Relu, Sequences, Sigmoid, TimeDistributed,
    io::WeightFile, prelude::*,
};
use proptest::prelude::*;
use safetensors::{Dtype, tensor::TensorView};

use crate::case::Case;

type Net = (Dense<3, 4, Relu>, Dense<4, 2>);

fn build<M: Build>(seed: u64) -> M {
    M::build(&Cpu::seed_from_u64(seed)).unwrap()
}

fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("kerata-{}-{name}", std::process::id()))
}

/// The bytes of a file with the weights of a net: `.npz` and `.safetensors`.
static SAVED: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    ["saved.npz", "saved.safetensors"].map(|name| {
        let path = temporary(name);
        build::<Net>(1).save_weights(&path).unwrap();
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(path).unwrap();
        bytes
    })
});

fn kernels(net: &Net) -> (Vec<f32>, Vec<f32>) {
    (net.0.kernel.as_vec(), net.1.kernel.as_vec())
}

#[test]
fn weights_come_back() {
    for bytes in &*SAVED {
        let file = WeightFile::from_bytes(bytes.clone()).unwrap();
        let mut names: Vec<_> = file.arrays().iter().map(|array| array.name.clone()).collect();
        names.sort();
        assert_eq!(names, ["0.bias", "0.kernel", "1.bias", "1.kernel"]);
        let mut net = build::<Net>(2);
        file.load_into(&mut net).unwrap();
        assert_eq!(kernels(&net), kernels(&build(1)));
    }
}

#[test]
fn other_number_types_are_converted() {
    let path = temporary("f64.npz");
    let net = <Dense<3, 2, Relu, f64>>::build(&Cpu::seed_from_u64(1)).unwrap();
    net.save_weights(&path).unwrap();
    let mut same = <Dense<3, 2, Relu, f64>>::build(&Cpu::seed_from_u64(2)).unwrap();
    same.load_weights(&path).unwrap();
    assert_eq!(same.kernel.array(), net.kernel.array());
    let mut narrow = build::<Dense<3, 2, Relu>>(2);
    narrow.load_weights(&path).unwrap();
    assert_eq!(narrow.kernel.array(), net.kernel.array().map(|row| row.map(|v| v as f32)));
    fs::remove_file(path).unwrap();
}

#[test]
fn numpy_s_archives_are_read() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases/numpy-2.4.6");
    for name in ["stored.npz", "deflated.npz"] {
        let mut net = build::<Net>(1);
        net.load_weights(folder.join(name)).unwrap();
        let eighths = |n: usize| (0..n).map(|i| i as f32 / 8.0).collect::<Vec<_>>();
        assert_eq!(kernels(&net), (eighths(12), eighths(8)));
        assert_eq!(net.0.bias.array(), [0.5, -0.5, 0.25, -0.25]);
        assert_eq!(net.1.bias.array(), [1.0, -1.0]);
    }
}

/// `0.lstm.kernel`, as the cases have it, is `0.kernel`; what is no weight is left out.
pub(crate) fn keras_name(name: &str) -> Option<String> {
    let (layer, rest) = name.split_once('.')?;
    layer.parse::<usize>().ok()?;
    Some(format!("{layer}.{}", rest.split_once('.')?.1))
}

#[test]
fn the_weights_of_keras_give_its_outputs() {
    type Classifier = (Embedding<28, 5, MaskZero>, Lstm<5, 6>, Dense<6, 1, Sigmoid>);
    let open = |name: &str| {
        let case = Case::open(name)?;
        Some((
            WeightFile::from_bytes(case.read("tensors.safetensors")).unwrap().rename(keras_name),
            case,
        ))
    };
    if let Some((file, case)) = open("char_embedding_lstm") {
        let mut model = build::<Classifier>(0);
        file.load_into(&mut model).unwrap();
        let rows = case.shape("input")[0];
        let ids = Cpu::default().tensor_from_vec(case.ids("input"), (rows, kerata::Const::<10>));
        case.assert_tensor("forward", "output", &model.forward(ids).unwrap().as_vec());
    }
    if let Some((file, case)) = open("td_dense_masked") {
        type Steps = (Embedding<6, 4, MaskZero>, TimeDistributed<Dense<4, 3, kerata::Tanh>>);
        let mut model = build::<Steps>(0);
        file.load_into(&mut model).unwrap();
        let ids = Cpu::default().tensor_from_vec(case.ids("input"), (5, kerata::Const::<5>));
        case.assert_tensor("forward", "output", &model.forward(ids).unwrap().values().as_vec());
    }
}

#[test]
fn everything_that_does_not_fit_is_told_and_nothing_is_loaded() {
    let path = temporary("misfit.npz");
    build::<Net>(1).save_weights(&path).unwrap();
    let mut other = build::<(Dense<3, 4, Relu>, Lstm<4, 2, Sequences>)>(2);
    let before = (other.0.kernel.array(), other.1.kernel.as_vec());
    let error = other.load_weights(&path).unwrap_err().to_string();
    let (what, list) = error.split_once(" does not fit:\n").unwrap();
    assert_eq!(what, path.display().to_string());
    assert_eq!(
        list,
        "  1.kernel: the model has (4, 8), the file has (4, 2)\n  \
         1.recurrent_kernel: the model has (2, 8), the file has nothing\n  \
         1.bias: the model has (8,), the file has (2,)"
    );
    assert_eq!((other.0.kernel.array(), other.1.kernel.as_vec()), before);
    let error = build::<(Dense<3, 4, Relu>,)>(2).load_weights(&path).unwrap_err().to_string();
    assert!(error.contains("1.kernel: the model has nothing, the file has (4, 2)"), "{error}");
    fs::remove_file(path).unwrap();

    // Values of another type are found only when they are read, behind some that fit.
    let bytes = [0_u8; 48];
    let views = [
        ("0.bias", TensorView::new(Dtype::F32, vec![4], &bytes[..16]).unwrap()),
        ("0.kernel", TensorView::new(Dtype::F8_E4M3, vec![3, 4], &bytes[..12]).unwrap()),
    ];
    let file = WeightFile::from_bytes(safetensors::serialize(views, None).unwrap()).unwrap();
    let mut net = build::<(Dense<3, 4, Relu>,)>(2);
    let before = net.0.kernel.array();
    let error = file.load_into(&mut net).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the weight file: 0.kernel: values of the type F8_E4M3 are not read; \
         floats of 16, 32 and 64 bits, integers and booleans are"
    );
    assert_eq!(net.0.kernel.array(), before);
}

#[test]
fn a_name_that_stands_twice_is_told() {
    let file = WeightFile::from_bytes(SAVED[0].clone()).unwrap();
    let file = file.rename(|name| Some(name.replace("1.", "0.")));
    let error = file.load_into(&mut build::<(Dense<3, 4, Relu>,)>(2)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the weight file does not fit:\n  \
         0.kernel: the model has (3, 4), the file has 2 of this name\n  \
         0.bias: the model has (4,), the file has 2 of this name"
    );
}

#[test]
fn there_is_no_such_file() {
    let error = build::<Net>(1).load_weights("no/such/file.npz").unwrap_err();
    assert!(matches!(&error, Error::File { path, .. } if path == "no/such/file.npz"), "{error}");
    let error = build::<Net>(1).save_weights("no/such/file.npz").unwrap_err();
    assert!(matches!(error, Error::File { .. }));
}

#[test]
fn promises_that_are_not_kept_cost_nothing() {
    // A header of 2^60 bytes; then a shape of 2^62 numbers.
    let mut huge = (1_u64 << 60).to_le_bytes().to_vec();
    huge.extend(b"{}");
    assert!(WeightFile::from_bytes(huge).is_err());
    let header = br#"{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,4]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend([0; 4]);
    assert!(WeightFile::from_bytes(bytes).is_err());
    // The same in a zip, which is noticed when the array is asked for.
    let header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, )}\n";
    let mut array = b"\x93NUMPY\x01\x00".to_vec();
    array.extend((header.len() as u16).to_le_bytes());
    array.extend(header);
    let mut zip = rawzip::ZipArchiveWriter::new(Vec::new());
    let (mut entry, config) = zip.new_file("a.npy").start().unwrap();
    let mut content = config.wrap(&mut entry);
    std::io::Write::write_all(&mut content, &array).unwrap();
    let (_, sums) = content.finish().unwrap();
    entry.finish(sums).unwrap();
    let mut file = WeightFile::from_bytes(zip.finish().unwrap()).unwrap();
    assert!(file.read::<f32>("a").is_err());
}

/// What a file says does not matter, only that it ends in an error or in a whole model.
fn load(bytes: Vec<u8>) {
    let mut net = build::<Net>(2);
    let before = kernels(&net);
    let loaded = WeightFile::from_bytes(bytes).and_then(|file| file.load_into(&mut net));
    if loaded.is_err() {
        assert_eq!(kernels(&net), before);
    }
}

proptest! {
    #[test]
    fn mutated_files_end_in_an_error(
        npz: bool,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        end in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = SAVED[usize::from(!npz)].clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(end) = end {
            bytes.truncate(end.index(bytes.len()));
        }
        load(bytes);
    }

    #[test]
    fn random_files_end_in_an_error(npz: bool, tail in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = if npz { b"PK\x03\x04".to_vec() } else { Vec::new() };
        bytes.extend(tail);
        prop_assert!(WeightFile::from_bytes(bytes.clone()).is_err() || npz);
        load(bytes);
    }
}
