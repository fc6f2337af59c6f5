//! Files that must end in a clear error, or that look odd and are valid.

use std::{fs, io::Write, path::Path, time::Instant};

use kerata::{
    Error,
    config::{CustomObjects, DynamicLayer},
    keras,
    prelude::*,
};

use rawzip::ZipArchiveWriter;

use crate::case::{Case, folders, skipped};

/// Files that are none of Keras's at all.
const OTHERS: [&str; 1] = ["rtneural_bad_lstm.json"];

fn open(case: &Case, file: &str) -> Result<DynamicLayer, Error> {
    let whole = case.json["cases"][file]["holds"].as_str().unwrap().contains("whole");
    match whole {
        true => keras::load(case.path(file), &CustomObjects::new()),
        // Weights only, for the honest model.
        false => {
            let mut model = keras::load(case.path("deflated.keras"), &CustomObjects::new())?;
            let before: Vec<_> = model.weights().collect();
            let result = model.load_keras(case.path(file));
            if result.is_err() {
                assert!(before == model.weights().collect::<Vec<_>>(), "{file}: half is loaded");
            }
            result.map(|()| model)
        }
    }
}

/// Whether a text names something: one of `a / b`, and both of `[4, 5] and [5, 4]`, which are written as in Python.
fn names(text: &str, what: &str) -> bool {
    let plain = what.split(" (").next().unwrap();
    let all = |what: &str| {
        what.split(" and ").all(|part| {
            let python = part.replace('[', "(").replace(']', ")");
            text.contains(part) || text.contains(&python)
        })
    };
    plain.split(" / ").any(all)
}

#[test]
fn each_ends_as_it_should() {
    let cases: Vec<Case> = folders().iter().map(|all| Case::open(&all.join("hostile"))).collect();
    let files = |case: &Case| case.json["cases"].as_object().unwrap().clone();
    let all: Vec<_> = cases
        .iter()
        .flat_map(|case| files(case).into_iter().map(move |file| (case, file)))
        .collect();
    assert!(all.len() >= 7, "there are {} files", all.len());
    for (case, (file, says)) in &all {
        let begin = Instant::now();
        let found = open(case, file);
        // Without optimisation, and beside other tests.
        assert!(begin.elapsed().as_secs() < 5, "{file}: {:?}", begin.elapsed());
        match (says["verdict"].as_str().unwrap(), found) {
            ("error", Err(error)) if OTHERS.contains(&file.as_str()) => {
                assert!(error.to_string().contains("JSON"), "{error}");
            }
            ("error", Err(error)) => {
                let text = error.to_string();
                for what in says["names"].as_array().unwrap() {
                    let what = what.as_str().unwrap();
                    assert!(names(&text, what), "{file}: {what} is not named in: {text}");
                }
                eprintln!("{file}: {text}");
            }
            ("loads" | "either", Ok(mut model)) => {
                let y = model.run(case.input("input")).unwrap();
                let off = case.compare(says["output"].as_str().unwrap(), y.sizes(), y.values());
                assert!(off <= 1.0, "{file}: {off} times the tolerance");
            }
            (verdict, found) => panic!("{file} should end in `{verdict}`: {:?}", found.err()),
        }
    }
}

#[test]
fn every_prefix_of_a_file_is_an_error() {
    for file in ["chunked_gzip_shuffle.h5", "deflated.keras"] {
        let bytes = fs::read(Case::of("hostile").path(file)).unwrap();
        for length in (0..bytes.len()).step_by(bytes.len() / 200 + 1) {
            let error = keras::load_bytes(bytes[..length].to_vec(), &CustomObjects::new());
            assert!(error.is_err(), "{file} loads from {length} of {} bytes", bytes.len());
        }
    }
}

fn refused(bytes: &[u8]) -> String {
    let begin = Instant::now();
    let error = keras::load_bytes(bytes.to_vec(), &CustomObjects::new()).unwrap_err().to_string();
    assert!(begin.elapsed().as_secs() < 5, "{:?} for: {error}", begin.elapsed());
    error
}

/// A `.keras` of this config and these weights.
fn archive(config: &str, weights: &[u8]) -> Vec<u8> {
    let mut zip = ZipArchiveWriter::new(Vec::new());
    for (name, bytes) in [("config.json", config.as_bytes()), ("model.weights.h5", weights)] {
        let (mut entry, options) = zip.new_file(name).start().unwrap();
        let mut content = options.wrap(&mut entry);
        content.write_all(bytes).unwrap();
        let (_, sums) = content.finish().unwrap();
        entry.finish(sums).unwrap();
    }
    zip.finish().unwrap()
}

#[test]
fn other_files_are_named_for_what_they_are() {
    for (bytes, says) in [
        (&b""[..], "this is an empty file"),
        (b"<!DOCTYPE html><html>", "this is a web page (HTML)"),
        (b"version https://git-lfs.github.com/spec/v1\n", "this is a pointer of Git LFS"),
        (b"\x1f\x8b\x08\0", "this is compressed by gzip"),
        (b"{\"class_name\": \"Sequential\"}", "this is JSON"),
        (b"\x08\x07\x12\x07pytorch", "this is a protobuf message"),
        (b"hello", "this is not a file of Keras"),
    ] {
        let error = refused(bytes);
        assert!(error.contains(says), "{error}");
    }
    let folder = std::env::temp_dir().join(format!("kerata-saved-model-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("saved_model.pb"), "").unwrap();
    let error = keras::load(&folder, &CustomObjects::new()).unwrap_err().to_string();
    assert!(error.contains("a SavedModel of TensorFlow") && error.contains("`.keras`"), "{error}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_config_gets_no_more_memory_than_its_file_has_weights() {
    let weights = fs::read(Case::of("hostile").path("wrong_shapes.weights.h5")).unwrap();
    let config = |units: u64| {
        format!(
            r#"{{"class_name": "Sequential", "config": {{"build_input_shape": [null, 4], "layers": [
                {{"class_name": "Dense", "config": {{"name": "first", "units": {units}}}}}]}}}}"#
        )
    };
    for units in [1_000_000, 100_000_000, u64::MAX] {
        let error = refused(&archive(&config(units), &weights));
        assert!(error.contains("the file is too short to hold the weights"), "{error}");
    }
    let error = refused(&archive(&config(7), &weights));
    let line = "`first`, bias: the model has (7,), the file has (5,) in layers/dense/vars/1";
    assert!(error.contains(line) && error.contains("layers/dense_1/vars/0"), "{error}");
}

#[test]
fn one_string_referred_to_again_and_again_is_refused() {
    // 72 kB, which are 12 MB without a bound, and gigabytes in a longer file of its kind.
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/h5/repeated.h5");
    let Ok(bytes) = fs::read(path) else { return skipped("fuzz/corpus is not here") };
    let error = refused(&bytes);
    assert!(error.contains("it refers to the same bytes too often"), "{error}");
}
