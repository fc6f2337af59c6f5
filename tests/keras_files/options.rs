//! Options of layers that a type says: models out of files of Keras, their numbers, and files that are written of them.

use kerata::{Batch, Cpu, Error, keras::rust_source, model, prelude::*};

use crate::{
    case::Case,
    shared::{goes_through, ids, near, steps, written},
};

#[model(keras = "tests/cases/keras-files/groups/model.keras", output = (Batch, 3))]
struct InGroups;

#[model(keras = "tests/cases/keras-files/activations/model.keras", output = (Batch, 3))]
struct Activations;

#[model(keras = "tests/cases/keras-files/merges/model.keras", output = (Batch, 3))]
struct Merges;

fn images<const H: usize, const W: usize, const C: usize>(
    case: &Case,
    name: &str,
) -> Vec<[[[f32; C]; W]; H]> {
    steps::<W, C>(case, name).as_chunks().0.to_vec()
}

#[test]
fn groups() -> Result<(), Error> {
    goes_through!(
        "groups",
        InGroups,
        |case| (images::<6, 7, 4>(case, "input.0"), steps::<6, 4>(case, "input.1")),
        ["output.0"],
        9 * 8 + 8 + 6 * 4 * 6 + 3 * 2 * 4 + 4 + 2 * 8 + 8 + 14 * 3 + 3
    );
    let model = InGroups::build(&Cpu::default())?;
    let source = rust_source(&model.config(), "Net")?;
    for line in [
        "four: Conv2d<_, 8, 3, 3, Relu, Same, 1, 1, Groups<4>>,",
        "#[with(use_bias = false)]\n    pub two: Conv2d<_, 6, 3, 2, Linear, Valid, 2, 1, Groups<2>>,",
        "causal: Conv1d<_, 4, 3, Tanh, Causal, 1, 2, Groups<2>>,",
    ] {
        assert!(source.contains(line), "{line} is not in\n{source}");
    }
    let other = model.to_json().replacen("\"groups\":4", "\"groups\":2", 1);
    let error = model.check_config(&other.parse()?).unwrap_err().to_string();
    assert!(error.contains("`four`, groups: the type says 4, the JSON says 2"), "{error}");
    Ok(())
}

#[test]
fn activations() -> Result<(), Error> {
    goes_through!(
        "activations",
        Activations,
        |case| (steps::<6, 4>(case, "input.0"), images::<5, 6, 3>(case, "input.1")),
        ["output.0"],
        4 + 4 * 3 * (4 + 3 + 1) + 6 * 4 + 3 + 5 * 6 * 3 + 5 * 3 + 6 + 30 + 4 * 31 + 1 + 3 * 5
    );
    let model = Activations::build(&Cpu::default())?;
    let source = rust_source(&model.config(), "Net")?;
    for line in [
        "shared: PRelu1d<_>,",
        "#[with(max_value = 1.0, negative_slope = 0.2, threshold = 0.3)]\n    pub bounded: ReluLayer,",
        "each: PRelu1d<_, 6>,",
        "along: SoftmaxAlong<1>,",
        "channels: PRelu2d<_>,",
        "pixels: PRelu2d<_, 5, 6>,",
        "columns: SoftmaxAlong<2>,",
        "rows: PRelu2d<_, 5>,",
        "sides: PRelu2d<1, 1, 6>,",
        "vectors: PRelu<_>,",
        "one: PRelu<1>,",
    ] {
        assert!(source.contains(line), "{line} is not in\n{source}");
    }
    let json = model.to_json();
    for (key, value, said) in [
        ("\"max_value\":1.0", "\"max_value\":null", "`bounded`, max_value: the layer says 1"),
        (
            "\"shared_axes\":[1,3]",
            "\"shared_axes\":[3]",
            "`sides`, shared_axes: the type says [1,3]",
        ),
        ("\"axis\":2", "\"axis\":-1", "`columns`, axis: the type says 2, the JSON says -1"),
    ] {
        let other = json.replacen(key, value, 1);
        assert_ne!(json, other, "{key}");
        let error = model.check_config(&other.parse()?).unwrap_err().to_string();
        assert!(error.contains(said), "{said} is not in\n{error}");
    }
    Ok(())
}

#[test]
fn merges() -> Result<(), Error> {
    goes_through!(
        "merges",
        Merges,
        |case| {
            let (x, y) = (steps::<5, 4>(case, "input.0"), steps::<5, 4>(case, "input.1"));
            (x, (y, ids::<5>(case, "input.2")))
        },
        ["output.0"],
        7 * 4 + 4 * 3 * (16 + 3 + 1) + 3 * 3 * (4 + 3 + 2) + 4 * 4 + 3 * (3 + 1 + 5 + 20 + 1)
    );
    let model = Merges::build(&Cpu::default())?;
    let source = rust_source(&model.config(), "Net")?;
    for line in [
        "#[from(a, b, c)]\n    pub sum: Add,",
        "#[from(c, a, b, largest)]\n    pub smallest: Minimum,",
        "#[from(smallest, sum, product, mean)]\n    pub all: Concatenate<_>,",
        "#[with(normalize = true)]\n    pub each: Dot<2>,",
        "steps: Dot<2, 1>,",
        "one: Dot<1>,",
    ] {
        assert!(source.contains(line), "{line} is not in\n{source}");
    }
    let json = model.to_json();
    let other = json.replacen("\"axes\":[2,1]", "\"axes\":[1,1]", 1);
    let error = model.check_config(&other.parse()?).unwrap_err().to_string();
    assert!(error.contains("`steps`, axes: the type says [2,1], the JSON says [1,1]"), "{error}");
    Ok(())
}

/// A layer of a chain may be called what the input of the model is called in a struct.
#[test]
fn a_layer_that_is_called_input() -> Result<(), Error> {
    let dense = |name: &str| {
        format!(r#"{{"class_name": "Dense", "config": {{"name": "{name}", "units": 2}}}}"#)
    };
    let config = format!(
        r#"{{"class_name": "Sequential", "config": {{"build_input_shape": [null, 3], "layers": [{}, {}, {}]}}}}"#,
        dense("first"),
        dense("input"),
        dense("last"),
    );
    let source = rust_source(&config.parse()?, "Net")?;
    assert!(source.contains(r#"#[with(name = "input")]"#), "{source}");
    assert!(!source.contains("#[from("), "{source}");
    Ok(())
}

#[test]
fn axes_that_no_type_permutes() -> Result<(), Error> {
    for (sizes, dims) in [("3", "1"), ("2, 3, 4, 5", "4, 1, 2, 3")] {
        let config = format!(
            r#"{{"class_name": "Sequential", "config": {{"build_input_shape": [null, {sizes}], "layers": [
                {{"class_name": "Permute", "config": {{"name": "p", "dims": [{dims}]}}}}]}}}}"#
        );
        let source = rust_source(&config.parse()?, "Net")?;
        assert!(source.contains("no type here: a type permutes two or three axes"), "{source}");
    }
    Ok(())
}
