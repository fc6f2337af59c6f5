//! Files that must end in a clear error, or that look odd and are valid.

use std::{fs, time::Instant};

use kerata::{
    Error,
    config::{CustomObjects, DynamicLayer},
    keras,
    prelude::*,
};

use crate::case::{Case, folders};

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
