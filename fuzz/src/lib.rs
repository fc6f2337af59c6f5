//! What hostile input may do to the parts of kerata that read files: end in an error, or in a value.
//!
//! Each target takes the bytes of one file. `cargo fuzz` runs them under libFuzzer, the binary `loop` on
//! stable Rust; see CONTRIBUTING.md.

use std::{io::Write, path::PathBuf};

use kerata::{
    Batch, Cpu, Dense, Embedding, MaskZero, Tanh,
    config::{Config, CustomObjects, DynamicValue, SignalKind, layer_from_config},
    data::Vocabulary,
    io::WeightFile,
    keras, model,
    prelude::*,
    words::{self, WordVectors},
};
use serde_json::Value;

pub mod memory;
pub mod mutate;

/// The program of a target, for libFuzzer: without it, as in the checks of the workspace, it does nothing.
#[macro_export]
macro_rules! libfuzzer {
    ($target:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::$target(data));

        #[cfg(not(fuzzing))]
        fn main() {
            eprintln!("{} is run by `cargo +nightly fuzz`", stringify!($target));
        }
    };
}

/// A target: what is done with the bytes of a file, and how much memory that may take.
pub struct Target {
    /// The name, also of the folder of its corpus.
    pub name: &'static str,
    /// Reads the bytes.
    pub run: fn(&[u8]),
    /// How many bytes may be allocated at once, whatever the input.
    pub base: usize,
    /// How many more for each byte of the input.
    pub factor: usize,
}

/// All targets. A file of weights may be deflated, which makes one byte of at most 1032.
pub const TARGETS: [Target; 8] = [
    Target { name: "safetensors", run: safetensors, base: 1 << 20, factor: 64 },
    Target { name: "npz", run: npz, base: 1 << 20, factor: 4 * 1032 },
    Target { name: "npy", run: npy, base: 1 << 20, factor: 64 },
    Target { name: "vocabulary", run: vocabulary, base: 1 << 20, factor: 64 },
    // A header may promise vectors of up to 2^20 values, and the row of the padding is made of them.
    Target { name: "word_vectors", run: word_vectors, base: 8 << 20, factor: 64 },
    // Weights come in the sizes that the config names; see `LARGEST`.
    Target { name: "config", run: config, base: 1 << 28, factor: 256 },
    // The file, weights of 64 times its length and a mebibyte, twice, a config, and room for a product of matrices.
    Target { name: "keras_archive", run: keras_archive, base: 40 << 20, factor: 512 },
    Target { name: "h5", run: h5, base: 40 << 20, factor: 512 },
];

/// A file of weights, `.safetensors` if it says no other format: every array, as `f32` and as `f64`.
pub fn safetensors(data: &[u8]) {
    weights(data.to_vec());
}

/// A `.npz`.
pub fn npz(data: &[u8]) {
    weights(data.to_vec());
}

/// A `.npy`, packed into a `.npz` whose checksums are right.
pub fn npy(data: &[u8]) {
    let mut zip = rawzip::ZipArchiveWriter::new(Vec::new());
    let (mut entry, config) = zip.new_file("a.npy").start().unwrap();
    let mut content = config.wrap(&mut entry);
    content.write_all(data).unwrap();
    let (_, sums) = content.finish().unwrap();
    entry.finish(sums).unwrap();
    weights(zip.finish().unwrap());
}

fn weights(bytes: Vec<u8>) {
    let Ok(mut file) = WeightFile::from_bytes(bytes) else { return };
    let names: Vec<String> = file.arrays().iter().map(|array| array.name.clone()).collect();
    for name in names {
        let (narrow, wide) = (file.read::<f32>(&name), file.read::<f64>(&name));
        if let (Ok(narrow), Ok(wide)) = (narrow, wide) {
            assert_eq!(narrow.len(), wide.len(), "{name} has two lengths");
        }
    }
}

/// A file of a vocabulary. What was read is used, saved and read again.
pub fn vocabulary(data: &[u8]) {
    let path = scratch(&format!("{}.json", std::process::id()));
    std::fs::write(&path, data).unwrap();
    if let Ok(vocabulary) = Vocabulary::load(&path) {
        let text: Vec<&str> = vocabulary.iter().map(|(_, word)| word).collect();
        let _ = vocabulary.encode(&text.join(" "));
        let _ = vocabulary.encode("a word that is not in it");
        for id in [0, 1, vocabulary.size()] {
            let _ = vocabulary.decode(&[id]);
        }
        let again = vocabulary.save(&path).and_then(|()| Vocabulary::load(&path)).unwrap();
        assert!(vocabulary.iter().eq(again.iter()), "another vocabulary was saved");
    }
}

/// A file that is written again and again: in memory where there is such a folder, as a disk is slow.
pub fn scratch(name: &str) -> PathBuf {
    let shared = PathBuf::from("/dev/shm");
    let folder = if shared.is_dir() { shared } else { std::env::temp_dir() };
    folder.join(format!("kerata-fuzz-{name}"))
}

/// Word vectors in text: all of a file, and those of a vocabulary.
pub fn word_vectors(data: &[u8]) {
    if let Ok(vectors) = WordVectors::read(data) {
        for (word, vector) in vectors.iter() {
            assert_eq!(vector.len(), vectors.width(), "the vector of {word:?}");
            assert!(vector.iter().all(|x| x.is_finite()), "the vector of {word:?}");
        }
        let words: Vec<&str> = vectors.iter().map(|(word, _)| word).take(3).collect();
        if let [first, ..] = words[..] {
            let _ = vectors.nearest(first, 2);
        }
        let _ = vectors.project(&words);
    }
    let vocabulary = Vocabulary::words().list(["king", "queen", "the"]).unwrap();
    let mut embedding = Embedding::<4, 3, MaskZero>::build(&Cpu::default()).unwrap();
    if words::read_vectors(&mut embedding, &vocabulary, data).is_ok() {
        assert!(embedding.embeddings.as_vec().iter().all(|x| x.is_finite()));
    }
}

/// Layers are built and run only if no number in their config is larger: what a layer of a thousand units
/// needs is not the question here.
const LARGEST: f64 = 64.0;

/// Keras's JSON: it is parsed, and the layer is built, run and written again.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(config) = text.parse::<Config>() else { return };
    let sizes = config.input_sizes();
    let Ok(value) = serde_json::to_value(&config) else { return };
    if largest(&value) > LARGEST {
        return;
    }
    let Ok(mut layer) = layer_from_config(&config, &CustomObjects::new()) else { return };
    let written = layer.config();
    let again = layer_from_config(&written, &CustomObjects::new());
    let again = again.unwrap_or_else(|e| panic!("what was written is not read: {e}"));
    assert_eq!(again.config(), written, "what was written is read as something else");
    for sizes in [sizes.as_deref(), Some(&[None, Some(3)]), Some(&[None, Some(4), Some(3)])] {
        let Some(sizes) = sizes.filter(|sizes| sizes.len() <= 4) else { continue };
        let sizes: Vec<usize> = sizes.iter().map(|size| size.unwrap_or(2)).collect();
        let count = sizes.iter().product();
        let numbers = DynamicValue::numbers(sizes.clone(), vec![0.5; count]);
        let ids = DynamicValue::ids(sizes, vec![1; count]);
        for value in [numbers, ids].into_iter().flatten() {
            let tokens = value.signal().kind == SignalKind::Tokens;
            if let Ok(found) = layer.run(value) {
                let count: usize = found.sizes().iter().product();
                assert!(tokens || count == found.values().len(), "sizes and values differ");
            }
        }
    }
}

/// The largest number in a JSON, whatever its sign.
fn largest(value: &Value) -> f64 {
    match value {
        Value::Number(number) => number.as_f64().map_or(f64::INFINITY, f64::abs),
        Value::Array(list) => list.iter().map(largest).fold(0.0, f64::max),
        Value::Object(map) => map.values().map(largest).fold(0.0, f64::max),
        _ => 0.0,
    }
}

/// The model whose files the seeds are.
#[model(input = (Batch, 4), output = (Batch, 3))]
struct Small {
    first: Dense<_, 5, Tanh>,
    second: Dense<_, 3>,
}

/// A file of Keras: a `.keras`, or whatever it is. It is loaded as it says, and into a model.
pub fn keras_archive(data: &[u8]) {
    if let Ok(mut model) = keras::load_bytes(data.to_vec(), &CustomObjects::new()) {
        let x = DynamicValue::numbers([2, 4], vec![0.5; 8]).unwrap();
        let _ = model.run(x);
    }
    let mut model = Small::build(&Cpu::default()).unwrap();
    let before = model.first.kernel.array();
    if model.load_keras_bytes(data.to_vec()).is_err() {
        assert_eq!(model.first.kernel.array(), before, "an error, and half is loaded");
    }
}

/// An HDF5 file, by itself and as the weights in a `.keras` whose checksums are right.
pub fn h5(data: &[u8]) {
    keras_archive(data);
    let config = Small::build(&Cpu::default()).unwrap().to_json();
    let mut zip = rawzip::ZipArchiveWriter::new(Vec::new());
    for (name, bytes) in [("config.json", config.as_bytes()), ("model.weights.h5", data)] {
        let (mut entry, options) = zip.new_file(name).start().unwrap();
        let mut content = options.wrap(&mut entry);
        content.write_all(bytes).unwrap();
        let (_, sums) = content.finish().unwrap();
        entry.finish(sums).unwrap();
    }
    keras_archive(&zip.finish().unwrap());
}
