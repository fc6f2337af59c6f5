//! Layers that are called more than once, as types out of files: one set of weights, read, used and written once.

use std::path::PathBuf;

use kerata::{
    Batch, Cpu, Error,
    config::{CustomObjects, DynamicLayer},
    data::InMemory,
    keras,
    loss::MeanSquaredError,
    model,
    optim::Sgd,
    prelude::*,
    train::{Fit, Trainer},
};

use serde_json::Value;

use crate::case::{Case, largest_difference};

#[model(keras = "tests/cases/keras-files/shared_embedding/model.keras")]
struct TwoTexts;

#[model(keras = "tests/cases/keras-files/shared_bidirectional/model.keras", output = (Batch, 3))]
struct Pairs;

#[model(keras = "tests/cases/keras-files/shared_nested/model.keras")]
struct Nested;

#[model(keras = "tests/cases/keras-files/shared_states/model.keras")]
struct States;

#[model(keras = "tests/cases/keras-files/shared_outputs/model.keras")]
struct Heads;

#[model(keras = "tests/cases/keras-files/shared_conv/model.keras")]
struct Images;

#[model(keras = "tests/cases/keras-files/shared_chain/model.keras", embed)]
struct Chain;

/// Not shared: activations with options.
#[model(keras = "tests/cases/keras-files/slopes/model.keras", output = (Batch, 4))]
struct Slopes;

pub(crate) fn floats<const N: usize>(case: &Case, name: &str) -> Vec<[f32; N]> {
    case.tensor(name).1.as_chunks().0.to_vec()
}

pub(crate) fn steps<const T: usize, const N: usize>(case: &Case, name: &str) -> Vec<[[f32; N]; T]> {
    floats(case, name).as_chunks().0.to_vec()
}

pub(crate) fn ids<const N: usize>(case: &Case, name: &str) -> Vec<[usize; N]> {
    floats::<N>(case, name).into_iter().map(|row| row.map(|v| v as usize)).collect()
}

pub(crate) fn near(case: &Case, name: &str, found: &[f32]) {
    let (sizes, _) = case.tensor(name);
    let off = case.compare(name, &sizes, found);
    assert!(off <= 1.0, "{name}: {off}");
}

pub(crate) fn written<M: KerasFiles>(
    model: &M,
    name: &str,
) -> Result<(PathBuf, DynamicLayer), Error> {
    let path = std::env::temp_dir().join(format!("kerata-{name}-{}.keras", std::process::id()));
    model.save_keras(&path)?;
    let again = keras::load(&path, &CustomObjects::new())?;
    Ok((path, again))
}

macro_rules! goes_through {
    ($name:literal, $model:ty, |$case:ident| $x:expr, [$($output:literal),*], $params:expr) => {{
        let $case = &Case::of($name);
        let path = $case.path("model.keras");
        let mut model = <$model>::build(&Cpu::seed_from_u64(1))?;
        model.load_keras(&path)?;
        let x = $x;
        let y = model.predict(&x, 2)?;
        goes_through!(@ $case, y, $($output),*);
        assert_eq!(<$model>::PARAMS, $params);
        // Written from the type: what is read again is the same model, and the type fits it.
        let (path, mut dynamic) = written(&model, $name)?;
        assert!($case.off(&mut dynamic)? <= 1.0, $name);
        assert_eq!(dynamic.params(), $params);
        let mut again = <$model>::build(&Cpu::seed_from_u64(2))?;
        again.load_keras(&path)?;
        let y = again.predict(&x, 2)?;
        goes_through!(@ $case, y, $($output),*);
        std::fs::remove_file(path).unwrap();
    }};
    (@ $case:ident, $y:ident, $one:literal) => { near($case, $one, &$y.as_vec()) };
    (@ $case:ident, $y:ident, $a:literal, $b:literal) => {
        near($case, $a, &$y.0.as_vec());
        near($case, $b, &$y.1.as_vec());
    };
}

pub(crate) use goes_through;

#[test]
fn each_kind_answers_as_keras_did_and_is_written() -> Result<(), Error> {
    goes_through!(
        "shared_embedding",
        TwoTexts,
        |case| (ids::<6>(case, "input.0"), ids::<8>(case, "input.1")),
        ["output.0"],
        20 * 5 + 4 * 4 * (5 + 4 + 1) + 3 * 4 * (5 + 4 + 2) + 4 * 2 + 2
    );
    goes_through!(
        "shared_bidirectional",
        Pairs,
        |case| (ids::<6>(case, "input.0"), ids::<6>(case, "input.1")),
        ["output.0"],
        20 * 5 + 2 * 4 * 4 * (5 + 4 + 1) + 8 * 3 + 3
    );
    goes_through!(
        "shared_nested",
        Nested,
        |case| (floats::<4>(case, "input.0"), floats::<4>(case, "input.1")),
        ["output.0"],
        4 * 4 + 4
    );
    goes_through!(
        "shared_states",
        States,
        |case| (steps::<6, 3>(case, "input.0"), steps::<5, 3>(case, "input.1")),
        ["output.0"],
        4 * 4 * (3 + 4 + 1) + 4 * 2 + 2
    );
    goes_through!(
        "shared_outputs",
        Heads,
        |case| ids::<6>(case, "input.0"),
        ["output.0", "output.1"],
        9 * 4 + 4 * 4 * (4 + 4 + 1) + 3 * 4 * (4 + 4 + 2) + 4 * 3 + 3
    );
    goes_through!(
        "shared_conv",
        Images,
        |case| (images(case, "input.0"), images(case, "input.1")),
        ["output.0"],
        3 * 3 * 2 * 4 + 4 + 4 * 4 + 8 * 2 + 2
    );
    goes_through!(
        "slopes",
        Slopes,
        |case| ids::<6>(case, "input.0"),
        ["output.0"],
        10 * 4 + 4 * 3 * (4 + 3 + 1) + 3 * 4 + 4
    );
    goes_through!(
        "shared_chain",
        Chain,
        |case| floats::<4>(case, "input.0"),
        ["output.0"],
        4 * 4 + 4 + 4 * 2 + 2
    );
    Ok(())
}

fn images(case: &Case, name: &str) -> Vec<[[[f32; 2]; 8]; 8]> {
    steps::<8, 2>(case, name).as_chunks().0.to_vec()
}

#[model(input = (Batch, 3, 2), output = (Batch, 3, 2))]
struct Streamed {
    #[with(negative_slope = 0.45)]
    leaky: kerata::LeakyReluLayer,
    #[with(alpha = 1.5)]
    elu: kerata::EluLayer,
    #[again(leaky)]
    once_more: kerata::Again,
    #[with(negative_slope = 0.25, max_value = 0.75, threshold = 0.125)]
    bounded: kerata::ReluLayer,
    slopes: kerata::PRelu1d<_>,
}

#[test]
fn calls_again_and_slopes_stream_as_they_run() -> Result<(), Error> {
    let mut model = Streamed::build(&Cpu::default())?;
    model.slopes.alpha.copy_from(&[0.5, 2.0]);
    let rows = [[0.5_f32, -2.0], [-0.25, f32::INFINITY], [f32::NEG_INFINITY, 0.0]];
    let whole = model.predict(&vec![rows], 1)?.as_vec();
    let mut stream = model.stream(1)?;
    for (row, expected) in rows.iter().zip(whole.chunks(2)) {
        assert_eq!(stream.step(&[*row])?[0], *expected);
    }
    Ok(())
}

/// A step of training moves the shared weights by the gradients of all calls, as in the dynamic model.
#[test]
fn gradients_of_all_calls_are_added() -> Result<(), Error> {
    let case = &Case::of("shared_chain");
    let (x, y) = (floats::<4>(case, "input.0"), vec![[1.0_f32, -1.0]; 3]);
    let data = InMemory::new(x, y)?;
    let fit = Fit { batch_size: 3, progress: false, ..Fit::epochs(2) };
    let mut trainer = Trainer::new(Chain::load()?, MeanSquaredError, Sgd::new(0.5))?;
    trainer.fit(&data, &fit)?;
    let dynamic = keras::load(case.path("model.keras"), &CustomObjects::new())?;
    type In = (Batch, kerata::Const<4>);
    type Out = (Batch, kerata::Const<2>);
    let dynamic = dynamic.typed::<In, Out>()?;
    let mut other = Trainer::new(dynamic, MeanSquaredError, Sgd::new(0.5))?;
    other.fit(&data, &fit)?;
    let Chain { again, dense, .. } = &trainer.model;
    let all = [again.kernel.as_vec(), again.bias.as_vec(), dense.kernel.as_vec()].concat();
    let expected: Vec<f32> =
        other.model.layer.weights().take(3).flat_map(|weight| weight.values).collect();
    let off = largest_difference(&all, &expected);
    assert!(off < 1e-6 && all.len() == expected.len(), "{off}");
    assert_ne!(again.kernel.as_vec(), Chain::load()?.again.kernel.as_vec());
    Ok(())
}

/// A file whose calls are wired otherwise is told from one that fits.
#[test]
fn other_calls_are_told() -> Result<(), Error> {
    let text = std::fs::read_to_string(Case::of("shared_chain").path("model.json")).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    let layers = |json: &mut Value| json["config"]["layers"].as_array_mut().unwrap().to_vec();
    let mut fewer = json.clone();
    let at = layers(&mut fewer).iter().position(|layer| layer["name"] == "again").unwrap();
    let head = layers(&mut fewer).iter().position(|layer| layer["name"] == "dense").unwrap();
    fewer["config"]["layers"][at]["inbound_nodes"].as_array_mut().unwrap().pop();
    let taken = &mut fewer["config"]["layers"][head]["inbound_nodes"][0]["args"][0];
    taken["config"]["keras_history"][1] = 1.into();
    let model = Chain::load()?;
    let error = model.check_config(&fewer.to_string().parse()?).unwrap_err().to_string();
    assert!(error.contains("the JSON calls `again` 2 times"), "{error}");
    model.check_config(&json.to_string().parse()?)?;
    Ok(())
}
