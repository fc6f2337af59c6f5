//! Files that are written: read again, and by Keras itself where it is installed.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use kerata::{
    Add, Attention, Batch, BatchNorm, Bidirectional, Conv1d, Cpu, Dense, Embedding, Error,
    GlobalAveragePooling1d, Gru, Ids, LayerNorm, Length, Lstm, MaskZero, Relu, Sequences,
    SimpleRnn, Sum, Tanh, TimeDistributed, Unmask,
    config::{Config, CustomObjects, DynamicValue, layer_from_config},
    keras, model,
    prelude::*,
};

use serde_json::{Value, json};

use crate::case::{Case, folders, largest_difference, skipped};

#[model(input = Ids<(Batch, 9)>, output = (Batch, 3))]
struct Tagger {
    words: Embedding<12, 6, MaskZero>,
    both: Bidirectional<Lstm<6, 4, Sequences>>,
    step: TimeDistributed<Dense<8, 5, Relu>>,
    more: TimeDistributed<Dense<5, 6>>,
    norm: LayerNorm<_>,
    gru: Gru<_, 5, Sequences>,
    twice: Bidirectional<SimpleRnn<5, 4>, Sum>,
    stats: BatchNorm<_>,
    head: Dense<_, 3>,
}

#[model(input = (Batch, 9, 6), output = (Batch, 9, 6))]
struct Block {
    inner: Conv1d<_, 6, 3, Relu, kerata::Same>,
    #[from(inner, input)]
    sum: Add,
}

#[model(input = (Batch, 9, 6), output = (Batch, 2))]
struct Nested {
    one: Block,
    two: Block,
    mean: GlobalAveragePooling1d,
    head: Dense<_, 2>,
}

/// A layer behind an `Unmask` counts the padding, in Keras too.
#[model(input = Ids<(Batch, 9)>, output = (Batch, 3))]
struct Unmasked {
    words: Embedding<20, 4, MaskZero>,
    all: Unmask,
    last: Gru<_, 3>,
}

/// The same where the layer takes no less than two values.
#[model(input = Ids<(Batch, Length)>, output = (Batch, 4))]
struct Seen {
    words: Embedding<20, 4, MaskZero>,
    all: Unmask,
    #[from(all, all)]
    seen: Attention<_>,
    mean: GlobalAveragePooling1d,
}

/// A folder for one test.
fn folder() -> PathBuf {
    let test = std::thread::current().name().unwrap_or("test").replace("::", "-");
    let folder = std::env::temp_dir().join(format!("kerata-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn ids() -> Vec<[usize; 9]> {
    (0..5)
        .map(|row| {
            std::array::from_fn(|i| if i > row + 3 { 0 } else { (row * 5 + i * 3) % 11 + 1 })
        })
        .collect()
}

fn numbers() -> Vec<[[f32; 6]; 9]> {
    let value =
        |row: usize, step: usize, i: usize| ((row * 31 + step * 7 + i * 3) % 17) as f32 / 8.0 - 1.0;
    (0..3)
        .map(|row| std::array::from_fn(|step| std::array::from_fn(|i| value(row, step, i))))
        .collect()
}

/// The Python that has Keras, if there is one.
pub(crate) fn python() -> Option<PathBuf> {
    let given = std::env::var_os("KERATA_PYTHON").map(PathBuf::from);
    let found = [given, Some("python3".into())];
    let has_keras = |python: &PathBuf| {
        let version = "from importlib.metadata import version; version('jax'); \
                       assert version('keras').startswith('3.')";
        let run = Command::new(python).args(["-c", version]).output();
        run.is_ok_and(|run| run.status.success())
    };
    found.into_iter().flatten().find(has_keras)
}

/// What Keras answers: it loads each file, predicts, and loads the weights of the other file.
const SCRIPT: &str = r#"
import json, sys, numpy as np, keras
answers = []
for whole, weights, inputs in json.load(open(sys.argv[1])):
    x = [np.array(x, dtype=kind) for kind, x in inputs]
    x = x[0] if len(x) == 1 else x
    run = lambda model: np.concatenate([np.ravel(y) for y in keras.tree.flatten(model(x))])
    old = {"keras_2_hard_sigmoid": lambda x: keras.ops.clip(0.2 * x + 0.5, 0, 1)}
    model = keras.saving.load_model(whole, custom_objects=old)
    y = run(model)
    if weights is not None:
        fresh = keras.models.clone_model(model)
        fresh.load_weights(weights)
        assert np.abs(run(fresh) - y).max() == 0
    answers.append(y.tolist())
print(json.dumps(answers))
"#;

fn keras_says(python: &Path, jobs: &Value) -> Vec<Vec<f32>> {
    let data = folder().join("jobs.json");
    std::fs::write(&data, jobs.to_string()).unwrap();
    let mut run = Command::new(python);
    run.args(["-c", SCRIPT]).arg(&data).env("KERAS_BACKEND", "jax");
    let run = run.output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let text = String::from_utf8(run.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

fn assert_near(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let off = largest_difference(found, expected);
    assert!(off < 1e-5, "{what}: {off}");
}

#[test]
fn keras_gives_the_same_for_what_is_written() -> Result<(), Error> {
    let Some(python) = python() else {
        skipped("no Keras 3 is here to read what is written; set KERATA_PYTHON");
        return Ok(());
    };
    let at = |name: &str| folder().join(name);
    let tagger = Tagger::build(&Cpu::seed_from_u64(5))?;
    tagger.save_keras(at("tagger.keras"))?;
    tagger.save_keras(at("tagger.weights.h5"))?;
    let dynamic = keras::load(at("tagger.keras"), &CustomObjects::new())?;
    dynamic.save_keras(at("dynamic.keras"))?;
    dynamic.save_keras(at("dynamic.weights.h5"))?;
    let nested = Nested::build(&Cpu::seed_from_u64(5))?;
    nested.save_keras(at("nested.keras"))?;
    nested.save_keras(at("nested.weights.h5"))?;
    let unmasked = Unmasked::build(&Cpu::seed_from_u64(5))?;
    unmasked.save_keras(at("unmasked.keras"))?;
    let seen = Seen::build(&Cpu::seed_from_u64(5))?;
    seen.save_keras(at("seen.keras"))?;
    Unmasked::build(&Cpu::seed_from_u64(6))?.load_keras(at("unmasked.keras"))?;
    let found = keras_says(
        &python,
        &json!([
            [at("tagger.keras"), at("tagger.weights.h5"), [["int32", ids()]]],
            [at("dynamic.keras"), at("dynamic.weights.h5"), [["int32", ids()]]],
            [at("nested.keras"), at("nested.weights.h5"), [["float32", numbers()]]],
            [at("unmasked.keras"), null, [["int32", ids()]]],
            [at("seen.keras"), null, [["int32", ids()]]],
        ]),
    );
    assert_near(
        &found[3],
        &unmasked.predict(&ids(), 8)?.as_vec(),
        "a recurrent layer that counts all",
    );
    assert_near(&found[4], &seen.predict(&ids(), 8)?.as_vec(), "an attention that sees all");
    let expected = tagger.predict(&ids(), 8)?.as_vec();
    assert_near(&found[0], &expected, "typed, recurrent");
    assert_near(&found[1], &expected, "dynamic, recurrent");
    let expected = nested.predict(&numbers(), 8)?.as_vec();
    assert_near(&found[2], &expected, "typed, branches in branches");
    std::fs::remove_dir_all(folder()).unwrap();
    Ok(())
}

#[test]
fn what_is_written_is_read_again() -> Result<(), Error> {
    let at = |name: &str| {
        std::env::temp_dir().join(format!("kerata-again-{}-{name}", std::process::id()))
    };
    let (from, dev) = (Tagger::build(&Cpu::seed_from_u64(5))?, Cpu::seed_from_u64(6));
    let expected = from.predict(&ids(), 8)?.as_vec();
    for name in ["a.keras", "a.weights.h5"] {
        let path = at(name);
        from.save_keras(&path)?;
        let bytes = std::fs::read(&path).unwrap();
        let mut to = Tagger::build(&dev)?;
        to.load_keras(&path)?;
        assert_eq!(to.predict(&ids(), 8)?.as_vec(), expected, "{name}");
        to.save_keras(&path)?;
        assert!(std::fs::read(&path).unwrap() == bytes, "{name} is another file the second time");
        std::fs::remove_file(path).unwrap();
    }
    let path = at("b.keras");
    from.save_keras(&path)?;
    let mut dynamic = keras::load(&path, &CustomObjects::new())?;
    let flat = ids().concat();
    let y = dynamic.run(DynamicValue::ids(vec![5, 9], flat)?)?;
    assert_near(y.values(), &expected, "dynamic");
    let typed: Tagger = dynamic.try_into()?;
    assert_eq!(typed.predict(&ids(), 8)?.as_vec(), expected);

    let error = from.save_keras(at("c.h5")).unwrap_err().to_string();
    assert!(error.contains("`.keras`, or its weights as `.weights.h5`"), "{error}");
    let error = from.head.save_keras(at("c.keras")).unwrap_err().to_string();
    assert!(error.contains("`Dense` has none"), "{error}");
    std::fs::remove_file(path).unwrap();
    Ok(())
}

/// What Keras 3.15.1 answered for the file that is stored here, and that this is the file which is written.
#[test]
fn the_file_that_keras_has_read_is_written() -> Result<(), Error> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/keras-files/written");
    if std::env::var_os("KERATA_BLESS").is_some() {
        let Some(python) = python() else { panic!("set KERATA_PYTHON to a Python with Keras 3") };
        let path = folder.join("tagger.keras");
        Tagger::build(&Cpu::seed_from_u64(5))?.save_keras(&path)?;
        std::fs::create_dir_all(self::folder()).unwrap();
        let weights = self::folder().join("tagger.weights.h5");
        Tagger::build(&Cpu::seed_from_u64(5))?.save_keras(&weights)?;
        let found = keras_says(&python, &json!([[path, weights, [["int32", ids()]]]]));
        std::fs::write(folder.join("keras.json"), serde_json::to_string(&found[0]).unwrap())
            .unwrap();
    }
    let mut model = Tagger::build(&Cpu::seed_from_u64(6))?;
    model.load_keras(folder.join("tagger.keras"))?;
    let answer = std::fs::read_to_string(folder.join("keras.json")).unwrap();
    let answer: Vec<f32> = serde_json::from_str(&answer).unwrap();
    assert_near(&model.predict(&ids(), 8)?.as_vec(), &answer, "what Keras answered");
    let again = std::env::temp_dir().join(format!("kerata-stored-{}.keras", std::process::id()));
    model.save_keras(&again)?;
    let same =
        std::fs::read(&again).unwrap() == std::fs::read(folder.join("tagger.keras")).unwrap();
    assert!(same, "another file is written: let Keras read it, with KERATA_BLESS=1");
    std::fs::remove_file(again).unwrap();
    Ok(())
}

/// Each model that Keras wrote is read, written, and read by Keras again.
#[test]
fn models_of_keras_go_there_and_back() -> Result<(), Error> {
    let Some(python) = python() else {
        skipped("no Keras 3 is here to read what is written; set KERATA_PYTHON");
        return Ok(());
    };
    let to = folder();
    let (mut jobs, mut cases) = (Vec::new(), Vec::new());
    let inside = |all: PathBuf| std::fs::read_dir(all).unwrap().map(|e| e.unwrap().path());
    let mut all: Vec<PathBuf> = folders().into_iter().flat_map(inside).collect();
    all.retain(|folder| folder.join("case.json").is_file());
    all.sort();
    for folder in all {
        let case = Case::open(&folder);
        for file in
            case.json["files"].as_object().map_or(Vec::new(), |f| f.keys().cloned().collect())
        {
            // What is not read is told by another test.
            let Ok(model) = keras::load(case.path(&file), &CustomObjects::new()) else { continue };
            if case.json["inputs"].is_null() {
                continue;
            }
            let path = to.join(format!("{}.keras", jobs.len()));
            model.save_keras(&path)?;
            let inputs: Vec<Value> =
                case.names("inputs").iter().map(|name| case.nested(name)).collect();
            jobs.push(json!([path, null, inputs]));
            cases.push((Case::open(&folder), file));
        }
    }
    let found = keras_says(&python, &json!(jobs));
    let mut wrong = Vec::new();
    for ((case, file), found) in cases.iter().zip(found) {
        let mut expected = Vec::new();
        for name in case.names("outputs") {
            expected.extend(case.tensor(&name).1);
        }
        let off = largest_difference(&found, &expected);
        eprintln!("{} {file}: {off:e}", case.folder.display());
        if off.is_nan() || off > 2e-5 || found.len() != expected.len() {
            wrong.push(format!("{} {file}: {off}", case.folder.display()));
        }
    }
    std::fs::remove_dir_all(to).unwrap();
    assert!(wrong.is_empty() && cases.len() > 5, "{}", wrong.join("\n"));
    Ok(())
}

/// What Keras calls a layer may be what the input of the model is called here.
#[model(input = (Batch, 3))]
struct NamedInput {
    #[with(name = "input")]
    a: Dense<_, 3, Tanh>,
    b: Dense<_, 3>,
    #[from(a, b)]
    sum: Add,
}

#[model(input = (Batch, 3), outputs(a, b))]
struct TwoOfInput {
    #[with(name = "input")]
    a: Dense<_, 3>,
    b: Dense<_, 2>,
}

#[test]
fn a_layer_may_be_called_input() -> Result<(), Error> {
    let at = |name: &str| {
        std::env::temp_dir().join(format!("kerata-input-{}-{name}", std::process::id()))
    };
    let x = vec![[1.0_f32, 2.0, 3.0], [-0.5, 0.25, 0.0]];
    let value = || DynamicValue::numbers(vec![2, 3], x.concat());
    let path = at("one.keras");
    let model = NamedInput::build(&Cpu::seed_from_u64(5))?;
    model.save_keras(&path)?;
    let mut loaded = keras::load(&path, &CustomObjects::new())?;
    assert_near(loaded.run(value()?)?.values(), &model.predict(&x, 8)?.as_vec(), "one output");
    let mut again = NamedInput::build(&Cpu::seed_from_u64(6))?;
    again.load_keras(&path)?;
    assert_eq!(again.predict(&x, 8)?.as_vec(), model.predict(&x, 8)?.as_vec());
    std::fs::remove_file(&path).unwrap();

    let path = at("two.keras");
    let model = TwoOfInput::build(&Cpu::seed_from_u64(5))?;
    model.save_keras(&path)?;
    let mut loaded = keras::load(&path, &CustomObjects::new())?;
    let (a, b) = model.predict(&x, 8)?;
    let found = loaded.run(value()?)?;
    let found = found.parts();
    assert_near(found[0].values(), &a.as_vec(), "the first of two");
    assert_near(found[1].values(), &b.as_vec(), "the second of two");
    std::fs::remove_file(path).unwrap();
    Ok(())
}

/// A model that gives what it takes has no weights, and its file is read again.
#[test]
fn a_model_without_layers() -> Result<(), Error> {
    let path = std::env::temp_dir().join(format!("kerata-none-{}.keras", std::process::id()));
    let config: Config = r#"{"class_name": "Functional", "config": {"name": "same", "layers": [{
        "class_name": "InputLayer", "name": "x", "inbound_nodes": [],
        "config": {"batch_shape": [null, 3], "dtype": "float32", "name": "x"}}],
        "input_layers": [["x", 0, 0]], "output_layers": [["x", 0, 0]]}}"#
        .parse()?;
    layer_from_config(&config, &CustomObjects::new())?.save_keras(&path)?;
    let mut loaded = keras::load(&path, &CustomObjects::new())?;
    let x = DynamicValue::numbers(vec![1, 3], vec![1.0, 2.0, 3.0])?;
    assert_eq!(loaded.run(x)?.values(), [1.0, 2.0, 3.0]);
    std::fs::remove_file(path).unwrap();
    Ok(())
}
