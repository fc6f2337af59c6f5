//! Typed models and files: what fits is loaded, and all that does not is told at once.

use kerata::{
    Batch, BatchNorm, Bidirectional, Conv1d, Cpu, Dense, Dropout, Embedding, Error, Gru, Ids, Lstm,
    MaskZero, MaxPool1d, Relu, Same, Sequences, Sigmoid, Softmax, config::CustomObjects, keras,
    model, prelude::*,
};

use crate::case::{Case, folders};

#[model(input = (Batch, 4), output = (Batch, 3))]
struct Small {
    first: Dense<_, 5, kerata::Tanh>,
    second: Dense<_, 3>,
}

#[model(input = (Batch, 4), output = (Batch, 2))]
struct Other {
    first: Dense<_, 6, Relu>,
    second: Dense<_, 2>,
}

#[test]
fn a_typed_model_gives_what_keras_gave() -> Result<(), Error> {
    let case = Case::of("hostile");
    let (sizes, x) = case.tensor("input");
    for file in ["deflated.keras", "chunked_gzip_shuffle.h5", "attributes_in_pieces.h5"] {
        let mut model = Small::build(&Cpu::seed_from_u64(3))?;
        model.load_keras(case.path(file))?;
        let rows: Vec<[f32; 4]> = x.as_chunks().0.to_vec();
        let y = model.predict(&rows, 8)?.as_vec();
        assert!(case.compare("output", &[sizes[0], 3], &y) <= 1.0, "{file}");
    }
    Ok(())
}

#[model(input = (Batch, 4), output = (Batch, 2))]
struct OddNames {
    #[with(name = "1st layer")]
    first: Dense<_, 5, Relu>,
    #[with(name = "größe: 2")]
    second: Dense<_, 2>,
}

#[test]
fn a_name_may_begin_with_a_digit() -> Result<(), Error> {
    let path = std::env::temp_dir().join(format!("kerata-odd-names-{}.keras", std::process::id()));
    let model = OddNames::build(&Cpu::seed_from_u64(1))?;
    model.save_keras(&path)?;
    let mut other = OddNames::build(&Cpu::seed_from_u64(2))?;
    other.load_keras(&path)?;
    let dynamic = keras::load(&path, &CustomObjects::new())?;
    std::fs::remove_file(path).unwrap();
    assert_eq!(other.first.kernel.as_vec(), model.first.kernel.as_vec());
    let names: Vec<&str> = dynamic.layers().iter().map(|layer| layer.name()).collect();
    assert_eq!(names, ["1st layer", "größe: 2"]);
    Ok(())
}

#[test]
fn all_differences_are_in_one_report() -> Result<(), Error> {
    let mut model = Other::build(&Cpu::seed_from_u64(3))?;
    let before = model.first.kernel.as_vec();
    let error =
        model.load_keras(Case::of("hostile").path("deflated.keras")).unwrap_err().to_string();
    for line in [
        "layer 0 `first`, units: the type says 6, the JSON says 5",
        "layer 0 `first`, activation: the type says \"relu\", the JSON says \"tanh\"",
        "layer 1 `second`, units: the type says 2, the JSON says 3",
        "`first`, kernel: the model has (4, 6), the file has (4, 5) in layers/dense/vars/0",
        "`second`, bias: the model has (2,), the file has (3,) in layers/dense_1/vars/1",
    ] {
        assert!(error.contains(line), "{line}\n is not in\n{error}");
    }
    assert_eq!(model.first.kernel.as_vec(), before);
    Ok(())
}

#[test]
fn weights_alone_are_told_by_their_order() -> Result<(), Error> {
    let mut model = Small::build(&Cpu::seed_from_u64(3))?;
    let wrong = Case::of("hostile").path("wrong_shapes.weights.h5");
    let error = model.load_keras(&wrong).unwrap_err().to_string();
    let line = "`first`, kernel: the model has (4, 5), the file has (5, 4)";
    assert!(error.contains(line) && !error.contains("second"), "{error}");
    let error = keras::load(&wrong, &CustomObjects::new()).unwrap_err().to_string();
    assert!(error.contains("without an architecture"), "{error}");
    Ok(())
}

/// The model of the case `legacy2_sequential`, with names of its own.
#[model(input = Ids<(Batch, 9)>, output = (Batch, 3))]
struct Stack {
    words: Embedding<21, 7, MaskZero>,
    a: Lstm<_, 6, Sequences>,
    b: Gru<_, 5, Sequences>,
    norm: BatchNorm<_>,
    both: Bidirectional<Lstm<5, 4>>,
    drop: Dropout<30>,
    head: Dense<_, 3, Softmax>,
}

#[test]
fn one_type_takes_every_dialect() -> Result<(), Error> {
    let case = Case::of("legacy2_sequential");
    let (sizes, ids) = case.tensor("input");
    let rows: Vec<[usize; 9]> =
        ids.as_chunks().0.iter().map(|row: &[f32; 9]| row.map(|v| v as usize)).collect();
    for file in ["model.keras", "keras_2_2_2.h5", "legacy_weights.h5"] {
        let mut model = Stack::build(&Cpu::seed_from_u64(3))?;
        model.load_keras(case.path(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        let y = model.predict(&rows, 8)?.as_vec();
        let off = case.compare("output", &[sizes[0], 3], &y);
        assert!(off <= 1.0, "{file}: {off}");
    }
    Ok(())
}

/// The model of the case `dgaintel_domain_classifier`, of the class `Model` in Keras, with names of its own.
#[model(input = Ids<(Batch, 82)>, output = (Batch, 1))]
struct Domain {
    letters: Embedding<39, 128>,
    near: Conv1d<_, 128, 3, Relu, Same>,
    fewer: MaxPool1d<2, 2, Same>,
    reader: Lstm<_, 64>,
    drop: Dropout<50>,
    answer: Dense<_, 1, Sigmoid>,
}

#[test]
fn a_functional_model_of_keras_is_a_chain() -> Result<(), Error> {
    let name = "dgaintel_domain_classifier";
    let Some(all) = folders().into_iter().find(|all| all.join(name).is_dir()) else {
        return Ok(());
    };
    let case = Case::open(&all.join(name));
    let (sizes, ids) = case.tensor("input");
    let rows: Vec<[usize; 82]> =
        ids.as_chunks().0.iter().map(|row: &[f32; 82]| row.map(|v| v as usize)).collect();
    let mut model = Domain::build(&Cpu::seed_from_u64(3))?;
    model.load_keras(case.path("domain_classifier_model.h5"))?;
    let y = model.predict(&rows, 8)?.as_vec();
    let off = case.compare("output", &[sizes[0], 1], &y);
    assert!(off <= 1.0, "{off}");
    Ok(())
}
