//! Models whose structs the compiler has read out of files.

use kerata::{
    Batch, Cpu, Error,
    config::{Config, CustomObjects, DynamicValue},
    keras, model,
    prelude::*,
};

use crate::case::Case;

/// A chain, with its weights in the program.
#[model(keras = "tests/cases/keras-files/legacy2_sequential/model.keras", output = (Batch, 3), embed)]
struct Stack;

/// The same out of another dialect.
#[model(keras = "tests/cases/keras-files/legacy2_sequential/keras_2_2_2.h5")]
struct Older;

/// Classes that are Keras 2's alone.
#[model(keras = "tests/cases/keras-files/legacy2_cudnn_lstm/model.h5", embed)]
struct Cudnn;

/// Layers around others.
#[model(keras = "tests/cases/keras-files/written/tagger.keras", embed)]
struct Tagger;

/// What a user might have: a model that Keras has trained.
#[model(keras = "examples/from_keras/vowels.keras", embed)]
struct Vowels;

#[model(keras = "tests/cases/keras-3.15.1-branches/mixed.json")]
struct Mixed;

#[model(keras = "tests/cases/keras-3.15.1-branches/masked.json", unmask = ["conv1d"])]
struct Padded;

#[model(keras = "tests/cases/keras-3.15.1-branches/net.json")]
pub(crate) struct Net;

#[model(keras = "ui-tests/files/lost_mask.json", unmask = ["near"])]
struct Unmasked;

/// Of several outputs.
#[model(keras = "ui-tests/files/two_outputs.json")]
struct Two;

/// Options of recurrent layers.
#[model(keras = "ui-tests/files/options.json")]
struct Options;

fn rows<const N: usize>(values: &[f32]) -> Vec<[usize; N]> {
    values.as_chunks().0.iter().map(|row: &[f32; N]| row.map(|v| v as usize)).collect()
}

#[test]
fn it_answers_as_keras_did() -> Result<(), Error> {
    let case = Case::of("legacy2_sequential");
    let (sizes, ids) = case.tensor("input");
    let x: Vec<[usize; 9]> = rows(&ids);
    let older = case.path("keras_2_2_2.h5");
    for y in [Stack::load()?.predict(&x, 8)?.as_vec(), Older::load(older)?.predict(&x, 8)?.as_vec()]
    {
        let off = case.compare("output", &[sizes[0], 3], &y);
        assert!(off <= 1.0, "{off}");
    }
    let case = Case::of("legacy2_cudnn_lstm");
    let (sizes, x) = case.tensor("input");
    let x: Vec<[[f32; 5]; 6]> = x.as_chunks().0.as_chunks().0.to_vec();
    let y = Cudnn::load()?.predict(&x, 8)?.as_vec();
    assert!(case.compare("output", &[sizes[0], 2], &y) <= 1.0);
    Ok(())
}

#[test]
fn it_is_the_same_model_as_without_a_type() -> Result<(), Error> {
    let path = "tests/cases/keras-files/written/tagger.keras";
    let mut dynamic = keras::load(path, &CustomObjects::new())?;
    let x: Vec<[usize; 9]> = vec![[3, 1, 4, 1, 5, 9, 2, 6, 0], [5, 3, 5, 0, 0, 0, 0, 0, 0]];
    let expected = dynamic.run(DynamicValue::ids([2, 9], x.concat())?)?;
    assert_eq!(Tagger::load()?.predict(&x, 8)?.as_vec(), expected.values());

    let mut dynamic = keras::load("examples/from_keras/vowels.keras", &CustomObjects::new())?;
    let x: Vec<[usize; 12]> = vec![[2, 1, 14, 1, 14, 1, 0, 0, 0, 0, 0, 0]];
    let expected = dynamic.run(DynamicValue::ids([1, 12], x.concat())?)?;
    let model = Vowels::load()?;
    assert_eq!(model.predict(&x, 8)?.as_vec(), expected.values());
    assert_eq!(Vowels::PARAMS, dynamic.params());
    assert_eq!(model.parameters()[0].name, "letters.embeddings");
    Ok(())
}

#[test]
fn its_config_is_that_of_the_file() -> Result<(), Error> {
    let dev = Cpu::default();
    let config =
        |name: &str| Config::load(format!("tests/cases/keras-3.15.1-branches/{name}.json"));
    Mixed::build(&dev)?.check_config(&config("mixed")?)?;
    Padded::build(&dev)?.check_config(&config("masked")?)?;
    Net::build(&dev)?.check_config(&config("net")?)?;
    let config = Config::load("ui-tests/files/lost_mask.json")?;
    let model = Unmasked::build(&dev)?;
    model.check_config(&config)?;
    assert_eq!(model.predict(&vec![[1; 8]], 1)?.as_vec().len(), 2);
    let config = Config::load("ui-tests/files/two_outputs.json")?;
    let two = Two::build(&dev)?;
    two.check_config(&config)?;
    assert_eq!(two.a.kernel.as_vec().len() + two.b.kernel.as_vec().len(), 4 * (2 + 3));
    let options = Options::build(&dev)?;
    options.check_config(&Config::load("ui-tests/files/options.json")?)?;
    assert_eq!(options.reader.recurrent_dropout, 0.25);
    Ok(())
}

#[test]
fn another_file_has_to_fit() {
    let error = Older::load("examples/from_keras/vowels.keras").unwrap_err().to_string();
    assert!(error.contains("the type says 21, the JSON says 27"), "{error}");
}
