//! Trainings that Keras goes on with: the optimiser and what it remembers are in the file.

use std::{path::Path, process::Command};

use kerata::{
    Batch, Const, Cpu, Dense, Error, Tanh,
    config::CustomObjects,
    data::InMemory,
    keras,
    loss::MeanSquaredError,
    model,
    optim::{
        Adadelta, Adafactor, Adagrad, Adam, AdamW, Adamax, Ftrl, Lamb, LearningRateSchedule, Lion,
        Muon, Nadam, Optimizer, RMSprop, ScheduleFreeAdamW, Sgd,
        schedules::{
            CosineDecay, CosineDecayRestarts, ExponentialDecay, InverseTimeDecay,
            PiecewiseConstantDecay, PolynomialDecay,
        },
    },
    prelude::*,
    train::{Fit, Trainer},
};
use serde_json::{Value, json};

use crate::{
    case::{largest_difference, skipped},
    written::python,
};

#[model(input = (Batch, 3), output = (Batch, 2))]
struct Small {
    hidden: Dense<_, 4, Tanh>,
    #[with(trainable = false)]
    fixed: Dense<_, 4>,
    head: Dense<_, 2>,
}

fn data() -> (Vec<[f32; 3]>, Vec<[f32; 2]>) {
    let value = |i: usize| (i * 7 % 11) as f32 / 5.0 - 1.0;
    let x = (0..6).map(|row| std::array::from_fn(|i| value(row * 3 + i))).collect();
    (x, (0..6).map(|row| [value(row), value(row + 4)]).collect())
}

/// Trains, writes, and trains on for one step: the weights then.
fn trained(optimizer: impl Optimizer + 'static, path: &Path) -> Result<Vec<f32>, Error> {
    let (x, y) = data();
    let data = InMemory::new(x, y)?;
    let fit =
        |epochs| Fit { batch_size: 6, progress: false, shuffle: false, ..Fit::epochs(epochs) };
    let model = Small::build(&Cpu::seed_from_u64(8))?;
    let mut trainer = Trainer::new(model, MeanSquaredError, optimizer)?;
    trainer.fit(&data, &fit(3))?;
    keras::save_training(path, &trainer.model, &trainer.optimizer, &trainer.state)?;
    trainer.fit(&data, &fit(1))?;
    let Small { hidden, fixed, head } = &trainer.model;
    let all = [&hidden.kernel.as_vec(), &hidden.bias.as_vec(), &fixed.kernel.as_vec()];
    let all = all.into_iter().chain([&head.kernel.as_vec()]).flatten().copied().collect();
    Ok(all)
}

/// The same of a dynamic model, of the same layers and weights.
fn trained_dynamic(optimizer: impl Optimizer + 'static, path: &Path) -> Result<Vec<f32>, Error> {
    let (x, y) = data();
    let data = InMemory::new(x, y)?;
    let fit =
        |epochs| Fit { batch_size: 6, progress: false, shuffle: false, ..Fit::epochs(epochs) };
    Small::build(&Cpu::seed_from_u64(8))?.save_keras(path)?;
    let model = keras::load(path, &CustomObjects::new())?;
    let model = model.typed::<(Batch, Const<3>), (Batch, Const<2>)>()?;
    let mut trainer = Trainer::new(model, MeanSquaredError, optimizer)?;
    trainer.fit(&data, &fit(3))?;
    keras::save_training(path, &trainer.model, &trainer.optimizer, &trainer.state)?;
    trainer.fit(&data, &fit(1))?;
    let kept = ["0.kernel", "0.bias", "1.kernel", "2.kernel"];
    let all: Vec<_> = trainer.model.layer.weights().collect();
    let found = |name: &str| all.iter().find(|weight| weight.name == name);
    Ok(kept.iter().flat_map(|name| found(name).unwrap().values.clone()).collect())
}

/// What Keras answers: it loads each file, makes one step, and says the weights then.
const SCRIPT: &str = r#"
import json, sys, numpy as np, keras
files, x, y = json.load(open(sys.argv[1]))
answers = []
for file in files:
    model = keras.saving.load_model(file)
    assert int(model.optimizer._iterations) == 3, file
    model.compile(model.optimizer, "mse")
    model.train_on_batch(np.array(x, "float32"), np.array(y, "float32"))
    assert int(model.optimizer._iterations) == 4, file
    hidden, fixed, head = model.layers
    weights = [hidden.kernel, hidden.bias, fixed.kernel, head.kernel]
    answers.append(np.concatenate([np.ravel(w) for w in weights]).tolist())
print(json.dumps(answers))
"#;

fn keras_says(python: &Path, folder: &Path, files: &[String]) -> Vec<Vec<f32>> {
    let (x, y) = data();
    let jobs = folder.join("jobs.json");
    std::fs::write(&jobs, json!([files, x, y]).to_string()).unwrap();
    let mut run = Command::new(python);
    run.args(["-c", SCRIPT]).arg(&jobs).env("KERAS_BACKEND", "jax");
    let run = run.output().unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");
    // What does not fit, Keras leaves out with a warning.
    assert!(!said.contains("Skipping variable loading"), "{said}");
    serde_json::from_str(String::from_utf8(run.stdout).unwrap().lines().last().unwrap()).unwrap()
}

fn assert_near(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let off = largest_difference(found, expected);
    assert!(off < 2e-6, "{what}: {off}\n{found:?}\n{expected:?}");
}

#[test]
fn keras_goes_on_with_the_training() -> Result<(), Error> {
    let Some(python) = python() else {
        skipped("no Keras 3 is here to go on with a training; set KERATA_PYTHON");
        return Ok(());
    };
    let folder = std::env::temp_dir().join(format!("kerata-trained-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (mut files, mut expected) = (Vec::new(), Vec::new());
    macro_rules! each {
        ($($optimizer:expr;)*) => {
            $({
                let path = folder.join(format!("{}.keras", files.len()));
                expected.push((stringify!($optimizer), trained($optimizer, &path)?));
                files.push(path.display().to_string());
            })*
        };
    }
    each! {
        Adam::new(0.01);
        Adam { amsgrad: true, clipnorm: Some(0.5), ..Adam::new(0.01) };
        Adam { gradient_accumulation_steps: Some(2), weight_decay: Some(0.01), ..Adam::new(0.01) };
        AdamW::new(0.01, 0.02);
        Sgd::new(0.1);
        Sgd { momentum: 0.9, nesterov: true, ..Sgd::new(0.1) };
        RMSprop { momentum: 0.5, centered: true, ..RMSprop::new(0.01) };
        Nadam::new(0.01);
        Adamax::new(0.01);
        Adagrad::new(0.1);
        Adadelta::new(0.5);
        Ftrl::new(0.1);
        Lion::new(0.01);
        Lamb::new(0.01);
        Adafactor::new(0.01);
        Muon::new(0.02);
        Muon { exclude_layers: vec!["head".into()], rms_rate: None, ..Muon::new(0.02) };
        ScheduleFreeAdamW::new(0.01);
        ScheduleFreeAdamW { warmup_steps: 2, weight_decay: Some(0.1), ..ScheduleFreeAdamW::new(0.01) };
        Adam::new(ExponentialDecay::new(0.01, 2.0, 0.9));
        Sgd { momentum: 0.5, ..Sgd::new(CosineDecay { warmup_target: Some(0.1), warmup_steps: 2.0, ..CosineDecay::new(0.01, 9.0) }) };
        RMSprop::new(PiecewiseConstantDecay::new([1, 2], [0.01, 0.02, 0.03]));
        Adam::new(PolynomialDecay::new(0.01, 9.0));
        Adam::new(InverseTimeDecay::new(0.01, 2.0, 0.5));
        Adafactor::new(CosineDecayRestarts::new(0.01, 2.0));
    }
    let path = folder.join("dynamic.keras");
    let adam = || Adam { amsgrad: true, ..Adam::new(ExponentialDecay::new(0.01, 2.0, 0.9)) };
    expected.push(("a dynamic model", trained_dynamic(adam(), &path)?));
    files.push(path.display().to_string());
    let found = keras_says(&python, &folder, &files);
    for (found, (what, expected)) in found.iter().zip(&expected) {
        assert_near(what, found, expected);
    }
    std::fs::remove_dir_all(folder).unwrap();
    Ok(())
}

/// The file that is stored here is written again, and what Keras made of it is what is made here.
#[test]
fn the_training_that_keras_went_on_with_is_written() -> Result<(), Error> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/keras-files/written");
    let (stored, answer) = (folder.join("trained.keras"), folder.join("trained.json"));
    let path = std::env::temp_dir().join(format!("kerata-trained-{}.keras", std::process::id()));
    let weights = trained(Adam { amsgrad: true, ..Adam::new(0.01) }, &path)?;
    if std::env::var_os("KERATA_BLESS").is_some() {
        let Some(python) = python() else { panic!("set KERATA_PYTHON to a Python with Keras 3") };
        std::fs::copy(&path, &stored).unwrap();
        let files = [stored.display().to_string()];
        let found = keras_says(&python, &std::env::temp_dir(), &files);
        std::fs::write(&answer, json!(found[0]).to_string()).unwrap();
    }
    let expected: Value = serde_json::from_slice(&std::fs::read(answer).unwrap()).unwrap();
    let expected: Vec<f32> = serde_json::from_value(expected).unwrap();
    assert_near("Adam", &weights, &expected);
    let same = std::fs::read(&path).unwrap() == std::fs::read(&stored).unwrap();
    assert!(same, "another file is written: let Keras read it, with KERATA_BLESS=1");
    // The state is passed over where only the model is wanted.
    keras::load(&path, &CustomObjects::new())?;
    Small::build(&Cpu::default())?.load_keras(&path)?;
    std::fs::remove_file(path).unwrap();
    Ok(())
}

/// A dynamic model makes the same steps, and writes the same state, as a typed one.
#[test]
fn a_dynamic_training_is_written_as_a_typed_one() -> Result<(), Error> {
    let at = |name: &str| {
        let name = format!("kerata-{name}-{}.keras", std::process::id());
        std::env::temp_dir().join(name)
    };
    let (one, other) = (at("typed-training"), at("dynamic-training"));
    let typed = trained(Adafactor::new(0.01), &one)?;
    assert_near("the weights", &trained_dynamic(Adafactor::new(0.01), &other)?, &typed);
    for path in [one, other] {
        Small::build(&Cpu::default())?.load_keras(&path)?;
        std::fs::remove_file(path).unwrap();
    }
    Ok(())
}

#[test]
fn what_keras_has_no_form_for_is_refused() -> Result<(), Error> {
    let path = std::env::temp_dir().join(format!("kerata-refused-{}.keras", std::process::id()));
    let said = |error: Result<Vec<f32>, Error>| error.unwrap_err().to_string();
    #[derive(Debug)]
    struct Halved;
    impl LearningRateSchedule for Halved {
        fn rate(&self, step: usize) -> f64 {
            0.5_f64.powi(step as i32)
        }
    }
    let error = said(trained(Adam::new(Halved), &path));
    assert!(error.contains("follows Halved"), "{error}");
    assert!(error.contains("a number or a schedule of Keras's is needed"), "{error}");
    let error = said(trained(Adam::new(0.01), &path.with_extension("weights.h5")));
    assert!(error.contains("is written as `.keras`"), "{error}");
    assert!(!path.exists());
    Ok(())
}
