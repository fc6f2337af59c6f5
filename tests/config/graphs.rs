//! Models of branches without a type, held against what Keras 3.15.1 answers.

use std::{io::Write, process::Command};

use dfdx::tensor::{Gradients, OwnedTape, PutTape};
use kerata::{
    Cpu, Error, Masked, Tensor,
    config::{Config, CustomObjects, DynamicLayer, DynamicValue, layer_from_config},
    parameters::{Parameter, Parameters, Visitor},
    prelude::*,
    signal::Value as Data,
    tensor::Rank0,
};
use serde_json::json;

use crate::{case::Case, older::older};

fn config(case: &Case) -> Config {
    case.model_json().unwrap().try_into().unwrap()
}

/// The model of a case, with its weights.
pub(crate) fn model(case: &Case) -> DynamicLayer {
    let mut model = layer_from_config(&config(case), &CustomObjects::new()).unwrap();
    let count = load(case, &mut model, "");
    let stored = case.group("weight").len();
    assert_eq!(count, stored, "{}: weights", case.name);
    model
}

/// Gives all layers inside their weights. Gives how many these are.
pub(crate) fn load(case: &Case, model: &mut DynamicLayer, path: &str) -> usize {
    let mut count = 0;
    for layer in model.layers_mut() {
        let path = format!("{path}{}", layer.name());
        if ["Functional", "Sequential"].contains(&layer.class()) {
            count += load(case, layer, &format!("{path}/"));
            continue;
        }
        let sizes: Vec<Vec<usize>> = layer.weights().map(|weight| weight.sizes).collect();
        let name = |i: usize| format!("weight.{path}.{i}");
        for (i, sizes) in sizes.iter().enumerate() {
            assert_eq!(case.shape(&name(i)), sizes, "{}: {}", case.name, name(i));
        }
        layer.set_weights((0..sizes.len()).map(|i| case.floats(&name(i)))).unwrap();
        count += sizes.len();
    }
    count
}

fn inputs(case: &Case) -> Vec<DynamicValue> {
    let count = case.group("input").len();
    let input = |i: usize| {
        let (name, ids) = (format!("input.{i}"), case.is_ids(&format!("input.{i}")));
        match ids {
            true => DynamicValue::ids(case.shape(&name), case.ids(&name)).unwrap(),
            false => DynamicValue::numbers(case.shape(&name), case.floats(&name)).unwrap(),
        }
    };
    (0..count).map(input).collect()
}

fn close(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        let close = (a - b).abs() <= 1e-5 * b.abs() + 2e-6 * largest.max(1.0);
        assert!(close, "{what}[{i}] is {a}, Keras has {b}\n{found:?}\n{expected:?}");
    }
}

/// Holds the outputs against those of Keras, and their masks.
pub(crate) fn answers(case: &Case, model: &mut DynamicLayer) {
    let found = model.run(DynamicValue::several(inputs(case))).unwrap();
    let count = case.group("output").len();
    assert_eq!(found.parts().len(), count, "{}: outputs", case.name);
    for (i, found) in found.parts().iter().enumerate() {
        let (output, mask) = (format!("output.{i}"), format!("mask.{i}"));
        let what = format!("{} {output}", case.name);
        assert_eq!(found.sizes(), case.shape(&output), "{what}");
        close(&what, found.values(), &case.floats(&output));
        let expected = case.has(&mask).then(|| case.flags(&mask));
        assert_eq!(found.mask().map(|mask| mask.as_slice().to_vec()), expected, "{what}: mask");
    }
}

/// What is read and written again answers the same.
fn again(case: &Case, model: &DynamicLayer) {
    let mut other = layer_from_config(&model.config(), &CustomObjects::new()).unwrap();
    assert_eq!(other.config(), model.config(), "{}", case.name);
    load(case, &mut other, "");
    answers(case, &mut other);
}

type Answer = (usize, usize);
type Answers = (usize, usize, usize);

/// The gradients of the mean of the squares of the output, by name.
fn gradients<X: Data<f32, Cpu, Tape = OwnedTape<f32, Cpu>>>(
    case: &Case,
    model: &mut DynamicLayer,
    x: X,
) -> Vec<(String, Vec<f32>)>
where
    X::Signal: kerata::config::FromDynamic,
{
    struct All(Vec<(String, Vec<f32>)>, Vec<String>, Gradients<f32, Cpu>);
    impl Visitor<f32, Cpu> for All {
        fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
            let path: String = self.1.iter().map(|name| format!("{name}/")).collect();
            let gradient = parameter.tensor.gradient(&mut self.2)?;
            self.0.push((format!("{path}{}", parameter.name), gradient));
            Ok(())
        }

        fn enter(&mut self, name: &str) {
            self.1.push(name.to_owned());
        }

        fn leave(&mut self) {
            self.1.pop();
        }
    }

    macro_rules! backward {
        ($y:expr) => {{
            let loss: Tensor<Rank0, f32, Cpu, _> = dfdx::prelude::MeanTo::mean($y.square());
            dfdx::prelude::Backward::backward(loss)
        }};
    }
    let gradients = match (case.shape("output.0").len(), case.has("mask.0")) {
        (2, _) => backward!(model.forward_mut::<Answer, X>(x).unwrap()),
        (3, false) => backward!(model.forward_mut::<Answers, X>(x).unwrap()),
        (3, true) => {
            let y = model.forward_mut::<Masked<Answers>, X>(x).unwrap();
            backward!(y.into_parts().0)
        }
        other => panic!("{other:?}"),
    };
    let mut all = All(Vec::new(), Vec::new(), gradients);
    model.visit(&mut all).unwrap();
    all.0
}

/// Holds the gradients against those of Keras.
fn slopes(case: &Case, model: &mut DynamicLayer) {
    let dev = Cpu::default();
    let ids = |i: usize| {
        let name = format!("input.{i}");
        let &[a, b] = case.shape(&name) else { panic!("{name}") };
        dev.tensor_from_vec(case.ids(&name), (a, b)).put_tape(OwnedTape::default())
    };
    macro_rules! floats {
        ($i:expr, $($size:ident)*) => {{
            let name = format!("input.{}", $i);
            let &[$($size),*] = case.shape(&name) else { panic!("{name}") };
            dev.tensor_from_vec(case.floats(&name), ($($size,)*)).put_tape(OwnedTape::default())
        }};
    }
    let ranks: Vec<(bool, usize)> = (0..case.group("input").len())
        .map(|i| format!("input.{i}"))
        .map(|name| (case.is_ids(&name), case.shape(&name).len()))
        .collect();
    let found = match ranks.as_slice() {
        [(true, 2)] => gradients(case, model, ids(0)),
        [(false, 2)] => gradients(case, model, floats!(0, a b)),
        [(false, 3)] => gradients(case, model, floats!(0, a b c)),
        [(false, 4)] => gradients(case, model, floats!(0, a b c d)),
        [(true, 2), (true, 2)] => gradients(case, model, (ids(0), ids(1))),
        [(false, 3), (false, 3)] => gradients(case, model, (floats!(0, a b c), floats!(1, a b c))),
        [(true, 2), (false, 2)] => gradients(case, model, (ids(0), floats!(1, a b))),
        [(true, 2), (false, 3)] => gradients(case, model, (ids(0), floats!(1, a b c))),
        [(false, 2), (false, 3)] => gradients(case, model, (floats!(0, a b), floats!(1, a b c))),
        other => panic!("{other:?}"),
    };
    let mut expected = case.group("gradient");
    let mut names = Vec::new();
    model_names(model, "", &mut names);
    let mut count = 0;
    for (name, (_, gradient)) in names.iter().zip(&found) {
        if expected.contains(&name.as_str()) {
            close(
                &format!("{} {name}", case.name),
                gradient,
                &case.floats(&format!("gradient.{name}")),
            );
            expected.retain(|other| other != name);
            count += 1;
        }
    }
    assert!(count > 0 && expected.is_empty(), "{}: {expected:?}", case.name);
}

/// The names of the case for all weights, in their order.
fn model_names(model: &DynamicLayer, path: &str, names: &mut Vec<String>) {
    for layer in model.layers() {
        let path = format!("{path}{}", layer.name());
        match layer.class() {
            "Functional" | "Sequential" => model_names(layer, &format!("{path}/"), names),
            _ => names.extend((0..layer.weights().count()).map(|i| format!("{path}.{i}"))),
        }
    }
}

/// Holds the weights behind a training pass against those of Keras, where they change in one.
fn trained(case: &Case, model: &mut DynamicLayer) {
    let mut names = Vec::new();
    model_names(model, "", &mut names);
    let weights: Vec<_> = model.weights().collect();
    for (name, weight) in names.iter().zip(&weights) {
        let stored = format!("trained.{name}");
        if case.has_group("trained") {
            close(&format!("{} {stored}", case.name), &weight.values, &case.floats(&stored));
        }
    }
}

fn check(name: &str) -> DynamicLayer {
    let case = Case::graph(name);
    let mut model = model(&case);
    let stored = case.group("weight");
    let count = |name: &&str| case.shape(&format!("weight.{name}")).iter().product::<usize>();
    assert_eq!(model.summary().params(), stored.iter().map(count).sum::<usize>(), "{name}");
    answers(&case, &mut model);
    again(&case, &model);
    older(&case);
    if case.has_group("gradient") {
        slopes(&case, &mut model);
    }
    trained(&case, &mut model);
    model
}

macro_rules! cases {
    ($($name:ident)*) => {
        /// Those that are checked in the usual way.
        const CASES: &[&str] = &[$(stringify!($name)),*];

        $(#[test]
        fn $name() {
            check(stringify!($name));
        })*
    };
}
cases! {
    branches merges nested states translate layers_of_sequences layers_of_images slopes_of_sequences
    slopes_of_images activations functions resized slopes_of_resized einsums slopes_of_einsums
    more_functions slopes_of_functions further_functions slopes_of_further_functions ordered slopes_of_ordered applications volumes slopes_of_volumes spread_volumes slopes_of_spread_volumes conv_lstms slopes_of_conv_lstms turned cells_backwards
    heads grouped_heads slopes_of_grouped_heads heads_of_images encoder decoder attention adaptive slopes_of_adaptive buckets augmented
    slopes_of_attention groups norms slopes_of_norms root_mean_squares slopes_of_root_mean_squares spectral reversible slopes_of_reversible spectrograms slopes_of_spectrograms
    volume_lstms slopes_of_volume_lstms channels_first slopes_of_channels_first paddings slopes_of_paddings
    slopes_of_arrays
}

#[test]
fn lengths() {
    check("lengths");
}

/// The waves of a spectrogram are not drawn: a model without weights has them too. Keras's have lost digits to whole turns.
#[test]
fn waves_that_no_file_holds() {
    let case = Case::graph("spectrograms");
    let model = layer_from_config(&config(&case), &CustomObjects::new()).unwrap();
    let mut count = 0;
    for layer in model.layers() {
        for (i, weight) in layer.weights().enumerate() {
            let name = format!("initial.{}.{i}", layer.name());
            let expected = case.floats(&name);
            assert_eq!(weight.values.len(), expected.len(), "{name}");
            for (a, b) in weight.values.iter().zip(&expected) {
                assert!((a - b).abs() < 1e-5, "{name}: {a}, Keras has {b}");
            }
            count += 1;
        }
    }
    assert_eq!(count, 18);
}

/// A layer whose training is not here says so, and is written again as it was read.
#[test]
fn hue_in_training() {
    type Images = (usize, usize, usize, usize);
    let hue = json!({"class_name": "RandomHue", "config": {"name": "hue", "factor": [0.1, 0.3], "value_range": [0, 1]}});
    let mut layer = layer_from_config(&hue.try_into().unwrap(), &CustomObjects::new()).unwrap();
    let written = layer.config().config;
    assert_eq!((&written["factor"], &written["value_range"]), (&json!([0.1, 0.3]), &json!([0, 1])));
    let x: Tensor<Images, f32, Cpu> = Cpu::default().tensor_from_vec(vec![0.5; 12], (1, 2, 2, 3));
    assert_eq!(layer.run(x.clone()).unwrap().values(), x.as_vec());
    let error = layer.forward_mut::<Images, _>(x).unwrap_err().to_string();
    assert!(error.contains("`hue`") && error.contains("only its inference"), "{error}");
    let vectors: Tensor<(usize, usize), f32, Cpu> =
        Cpu::default().tensor_from_vec(vec![0.5; 6], (2, 3));
    let mut other = layer_from_config(&layer.config(), &CustomObjects::new()).unwrap();
    let error = other.run(vectors).unwrap_err().to_string();
    assert!(error.contains("images are needed here"), "{error}");
}

#[test]
fn dropped() {
    let model = check("dropped");
    assert_eq!(model.dropped_masks(), ["conv", "flat"]);
}

/// Keras itself, in the Python that `KERATA_PYTHON` names, reads what is written, and answers the same.
#[test]
fn keras_reads_what_is_written() {
    let Some(python) = std::env::var_os("KERATA_PYTHON") else {
        let what = "SKIPPED: no Keras 3 is here to read models of branches; set KERATA_PYTHON";
        writeln!(std::io::stderr(), "{what}").unwrap();
        return;
    };
    let folder = std::env::temp_dir().join(format!("kerata-graphs-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let names: Vec<&str> = CASES.iter().copied().chain(["dropped"]).collect();
    for name in &names {
        let config = model(&Case::graph(name)).config().to_string();
        std::fs::write(folder.join(format!("{name}.json")), config).unwrap();
    }
    let make = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/keras-3.15.1-graphs/make.py");
    let mut run = Command::new(python);
    run.arg(make).arg("check").arg(&folder).env("KERAS_BACKEND", "jax");
    let run = run.output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    for name in names {
        assert!(said.contains(name), "{name} is not in\n{said}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// Other cases of this form, in the folder that the environment variable `KERATA_GRAPHS` names.
#[test]
fn further_cases() {
    let Some(folder) = std::env::var_os("KERATA_GRAPHS") else { return };
    let mut wrong = Vec::new();
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    for path in &paths {
        let run = std::panic::catch_unwind(|| {
            let case = Case::of_folder(path);
            let config = config(&case);
            let custom = CustomObjects::new().masks_as_keras();
            let mut model = layer_from_config(&config, &custom).unwrap();
            load(&case, &mut model, "");
            answers(&case, &mut model);
            again(&case, &model);
            if case.has_group("gradient") {
                slopes(&case, &mut model);
            }
        });
        if run.is_err() {
            wrong.push(path.file_name().unwrap().to_owned());
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:?}", wrong.len(), paths.len());
}
