//! Options of layers that a type says: models out of files of Keras, their numbers, and files that are written of them.

use kerata::{Batch, Cpu, Error, keras::rust_source, model, prelude::*};

use crate::{
    case::Case,
    shared::{goes_through, near, steps, written},
};

#[model(keras = "tests/cases/keras-files/groups/model.keras", output = (Batch, 3))]
struct InGroups;

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
        "four: Conv2d<_, 8, 3, 3, Relu, Same, 1, 1, WithBias, Groups<4>>,",
        "two: Conv2d<_, 6, 3, 2, Linear, Valid, 2, 1, NoBias, Groups<2>>,",
        "causal: Conv1d<_, 4, 3, Tanh, Causal, 1, 2, WithBias, Groups<2>>,",
    ] {
        assert!(source.contains(line), "{line} is not in\n{source}");
    }
    let other = model.to_json().replacen("\"groups\":4", "\"groups\":2", 1);
    let error = model.check_config(&other.parse()?).unwrap_err().to_string();
    assert!(error.contains("`four`, groups: the type says 4, the JSON says 2"), "{error}");
    Ok(())
}
