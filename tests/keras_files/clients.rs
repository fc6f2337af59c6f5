//! Every file of every client case is run, or listed with the reason why not.

use std::{fs, path::PathBuf};

use kerata::{
    Error,
    config::{Config, CustomObjects, DynamicLayer, layer_from_config},
    keras,
    prelude::*,
};

use crate::case::{Case, folders, skipped};

/// Files that are passed over: the case, the file (or its end), and what the reason is.
const PASSED_OVER: [(&str, &str, &str); 6] = [
    ("", ".csv", "data beside a model"),
    ("", "LICENSE", "a text"),
    ("", "weights.npy", "a pickle, refused"),
    ("icu_thai_codepoints_model4", "weights.json", "a format of ICU's own, no file of Keras"),
    ("rtneural_", ".json", "a format of RTNeural's own, no file of Keras"),
    ("onnx_", "", "arrays for the mathematics of a layer, no file of Keras"),
];

/// What is not supported yet: the case, and what the error must say.
const REFUSED: [(&str, &str); 0] = [];

enum Found {
    Ran(f64),
    Config,
    PassedOver(&'static str),
    Refused(Error),
}

/// The model of a case, from whatever file holds its architecture.
fn architecture(case: &Case) -> Result<DynamicLayer, Error> {
    let json = case.path("model.json");
    if json.is_file() {
        return layer_from_config(&Config::load(json)?, &CustomObjects::new());
    }
    keras::load(case.path("model.keras"), &CustomObjects::new())
}

fn run(case: &Case, file: &str) -> Result<Found, Error> {
    let path = case.path(file);
    let what = case.json["files"][file]["what"].as_str().unwrap_or_default();
    let mut model =
        match (file.ends_with(".json"), what.contains("weights only") || what == "its weights") {
            (true, _) => {
                return layer_from_config(&Config::load(path)?, &CustomObjects::new())
                    .map(|_| Found::Config);
            }
            (_, false) => keras::load(&path, &CustomObjects::new())?,
            (_, true) => {
                let mut model = architecture(case)?;
                model.load_keras(&path)?;
                model
            }
        };
    case.off(&mut model).map(Found::Ran)
}

#[test]
fn every_file_is_run_or_listed() {
    let all = folders();
    let inside = |all: &PathBuf| fs::read_dir(all).unwrap().map(|e| e.unwrap().path());
    let mut folders: Vec<_> = all.iter().flat_map(inside).collect();
    folders.retain(|folder| folder.join("case.json").is_file() && !folder.ends_with("hostile"));
    folders.sort();
    let (mut table, mut wrong) = (Vec::new(), Vec::new());
    let mut refused = vec![false; REFUSED.len()];
    for folder in folders {
        let case = Case::open(&folder);
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let files = case.json["files"].as_object().cloned().unwrap_or_default();
        let mut files: Vec<String> = files.keys().cloned().collect();
        if files.is_empty() {
            files.push("tensors.safetensors".to_owned());
        }
        for file in files {
            let over = PASSED_OVER
                .iter()
                .find(|(case, end, _)| name.starts_with(case) && file.ends_with(end));
            let found = match over {
                Some((.., why)) => Found::PassedOver(why),
                None => run(&case, &file).unwrap_or_else(Found::Refused),
            };
            let result = match found {
                Found::Ran(off) if off <= 1.0 => format!("ran, {off:.4} of the tolerance"),
                Found::Ran(off) => {
                    wrong.push(format!("{name}/{file}: {off} times the tolerance"));
                    format!("WRONG by {off} tolerances")
                }
                Found::Config => "its config is read".to_owned(),
                Found::PassedOver(why) => format!("passed over: {why}"),
                Found::Refused(error) => {
                    let error = error.to_string();
                    let line = error.lines().take(2).collect::<Vec<_>>().join(" ");
                    match REFUSED
                        .iter()
                        .position(|(case, says)| *case == name && error.contains(says))
                    {
                        Some(i) => refused[i] = true,
                        None => wrong.push(format!("{name}/{file}: {error}")),
                    }
                    format!("refused: {line}")
                }
            };
            table.push(format!("{name:28} {file:28} {result}"));
        }
    }
    for (listed, seen) in REFUSED.iter().zip(refused) {
        if !seen && all.len() > 1 {
            wrong.push(format!("{listed:?} is listed as refused, and is not"));
        }
    }
    eprintln!("{}", table.join("\n"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The source is written from the config alone; the layers that are built know which masks are lost.
#[test]
fn masks_are_dropped_where_keras_drops_them() {
    let (mut models, mut masks) = (0, 0);
    let more = ["", "/keras-3.15.1-graphs"];
    let more =
        more.map(|of| PathBuf::from(format!("{}/tests/cases{of}", env!("CARGO_MANIFEST_DIR"))));
    let cases = folders().into_iter().chain(more).flat_map(|all| fs::read_dir(all).unwrap());
    for file in cases.flat_map(|case| fs::read_dir(case.unwrap().path()).into_iter().flatten()) {
        let path = file.unwrap().path();
        let custom = CustomObjects::new().masks_as_keras();
        let model = match path.extension().is_some_and(|extension| extension == "json") {
            true => Config::load(&path).and_then(|config| layer_from_config(&config, &custom)),
            false => keras::load(&path, &custom),
        };
        let Some(model) = model.ok().filter(|model| !model.layers().is_empty()) else { continue };
        let source = keras::rust_source(&model.config(), "Net").unwrap();
        // Where only one of two values is masked, a merge has a type all the same; without one it takes both.
        let merges = ["Add", "Average", "Concatenate<_>", "Subtract"];
        let types =
            source.lines().filter_map(|line| line.strip_prefix("    pub ")?.split_once(": "));
        let types: Vec<&str> = types.map(|(_, ty)| ty.trim_end_matches(',')).collect();
        // A recurrent layer that starts from states does not look at a mask, which is not dropped in front of it. One that is taken
        // off by an attention is no layer's to drop.
        let others = [
            "Bidirectional<",
            "Gru<",
            "Lstm<",
            "ReturnState<",
            "SimpleRnn<",
            "MultiHeadAttention<",
            "Attention<",
            "AdditiveAttention<",
        ];
        let is_other = |ty: &str| others.iter().any(|of| ty.starts_with(of));
        let behind = |i: usize| types[i..].iter().find(|&&ty| ty != "Unmask");
        let written = (0..types.len()).filter(|&i| {
            types[i] == "Unmask"
                && behind(i).is_some_and(|ty| !merges.contains(ty) && !is_other(ty))
        });
        let written = written.count();
        assert_eq!(written, model.dropped_masks().len(), "{}\n{source}", path.display());
        models += 1;
        masks += written;
    }
    eprintln!("{masks} masks are lost in {models} models");
    assert!(models > 10 && masks > 0, "{masks} masks are lost in {models} models");
}

#[test]
fn a_pickle_is_refused() {
    let Some(all) =
        folders().into_iter().find(|all| all.join("icu_thai_codepoints_model4").is_dir())
    else {
        return skipped("the weights of ICU, a pickle, are not here");
    };
    let path = all.join("icu_thai_codepoints_model4/weights.npy");
    let error = keras::load(path, &CustomObjects::new()).unwrap_err().to_string();
    assert!(error.contains("NumPy"), "{error}");
}
