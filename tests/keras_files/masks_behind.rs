//! A masked attention behind another by residual connections: Keras 3.15 has taken the mask off there. `tests/cases/keras-masks-behind`.

use std::path::{Path, PathBuf};

use kerata::{
    Add, Batch, Cpu, Dense, Embedding, Error, GlobalAveragePooling1d, Ids, LayerNorm, MaskZero,
    MultiHeadAttention, TimeDistributed, Unmask,
    config::{CustomObjects, DynamicValue},
    keras, model,
    prelude::*,
};

use crate::case::largest_difference;

const IDS: [[usize; 6]; 3] = [[1, 2, 3, 0, 0, 0], [4, 5, 6, 7, 0, 0], [0, 8, 9, 1, 0, 2]];

/// What Keras answers.
const STEPS: [f32; 54] = [
    -3.039335, 4.103727, 2.391704, -1.562948, 2.239321, 1.037624, -3.278344, 4.423872, 3.001409,
    0.51666, 0.703187, -1.327893, 0.51666, 0.703187, -1.327893, 0.51666, 0.703187, -1.327893,
    -2.532612, 3.821085, 3.197515, 0.725886, 2.364406, 0.723421, -0.606807, 2.603252, 1.319911,
    0.595392, 2.236789, 0.653563, 1.130244, 1.300091, -0.808496, 1.130244, 1.300091, -0.808496,
    0.355229, 0.865045, -1.280308, -0.207105, 0.655175, -1.070351, -0.296736, 1.199856, -0.499014,
    -1.987622, 2.828307, 0.812894, 0.355229, 0.865045, -1.280308, -0.795195, 1.838691, 0.290781,
];

/// The masks stay, as nothing drops them.
#[model(input = Ids<(Batch, 6)>)]
struct Masked {
    words: Embedding<10, 8, MaskZero>,
    #[with(dropout = 0.1)]
    first: MultiHeadAttention<_, 2, 4>,
    #[from(words, first)]
    sum1: Add,
    norm1: LayerNorm<_>,
    #[with(dropout = 0.1)]
    second: MultiHeadAttention<_, 2, 4>,
    #[from(norm1, second)]
    sum2: Add,
    head: TimeDistributed<Dense<_, 3>>,
}

/// The mask is dropped where Keras has lost it.
#[model(input = Ids<(Batch, 6)>)]
struct AsInKeras {
    words: Embedding<10, 8, MaskZero>,
    #[with(dropout = 0.1)]
    first: MultiHeadAttention<_, 2, 4>,
    #[from(words, first)]
    sum1: Add,
    norm1: LayerNorm<_>,
    bare: Unmask,
    #[with(dropout = 0.1)]
    second: MultiHeadAttention<_, 2, 4>,
    #[from(bare, second)]
    sum2: Add,
    head: TimeDistributed<Dense<_, 3>>,
}

/// The mask is dropped too early.
#[model(input = Ids<(Batch, 6)>)]
struct TooEarly {
    words: Embedding<10, 8, MaskZero>,
    bare: Unmask,
    #[with(dropout = 0.1)]
    first: MultiHeadAttention<_, 2, 4>,
    #[from(bare, first)]
    sum1: Add,
    norm1: LayerNorm<_>,
    #[with(dropout = 0.1)]
    second: MultiHeadAttention<_, 2, 4>,
    #[from(norm1, second)]
    sum2: Add,
    head: TimeDistributed<Dense<_, 3>>,
}

#[model(input = Ids<(Batch, 6)>, output = (Batch, 3))]
struct Pooled {
    words: Embedding<10, 8, MaskZero>,
    #[with(dropout = 0.1)]
    first: MultiHeadAttention<_, 2, 4>,
    #[from(words, first)]
    sum1: Add,
    norm1: LayerNorm<_>,
    #[with(dropout = 0.1)]
    second: MultiHeadAttention<_, 2, 4>,
    #[from(norm1, second)]
    sum2: Add,
    mean: GlobalAveragePooling1d,
    head: Dense<_, 3>,
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/keras-masks-behind").join(name)
}

fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("kerata-{name}-{}.keras", std::process::id()))
}

fn differences(error: Result<(), Error>) -> Vec<String> {
    match error {
        Err(Error::Differences { differences, .. }) => {
            differences.iter().map(ToString::to_string).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn another_mask_than_in_keras_is_told() -> Result<(), Error> {
    let dev = Cpu::default();
    let mut model = Masked::build(&dev)?;
    let before = model.second.query_kernel.as_vec();
    let told = "layer 4 `second`, the mask of `norm1`: the type has one, Keras sees none, as an attention has taken it off: put an `Unmask` in front";
    assert_eq!(differences(model.load_keras(file("steps.keras"))), [told]);
    assert_eq!(model.second.query_kernel.as_vec(), before);
    let told = differences(TooEarly::build(&dev)?.load_keras(file("steps.keras")));
    assert_eq!(told, ["layer 1 `first`, the mask of `words`: the type has none, Keras sees one"]);
    // The mean has its mask there, which it was given before.
    let told = differences(Pooled::build(&dev)?.load_keras(file("pooled.keras")));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("`second`, the mask of `norm1`"), "{told:?}");
    Ok(())
}

/// Without a dropout, Keras fills the padding with means, which the second attention sees: `Unmask` or not.
#[test]
fn padding_that_keras_fills_is_told() -> Result<(), Error> {
    let (mut masked, mut bare) =
        (Masked::build(&Cpu::default())?, AsInKeras::build(&Cpu::default())?);
    for dropout in
        [&mut masked.first, &mut masked.second, &mut bare.first].map(|layer| &mut layer.dropout)
    {
        *dropout = 0.0;
    }
    bare.second.dropout = 0.0;
    for told in [
        differences(masked.load_keras(file("means.keras"))),
        differences(bare.load_keras(file("means.keras"))),
    ] {
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with(
                "layer 4 `second`, the mask of `norm1`: no type does as Keras here, Keras sees"
            ),
            "{told:?}"
        );
    }
    Ok(())
}

#[test]
fn with_an_unmask_the_answers_are_those_of_keras() -> Result<(), Error> {
    let mut model = AsInKeras::build(&Cpu::default())?;
    model.load_keras(file("steps.keras"))?;
    let y = model.predict(&IDS.to_vec(), 3)?.as_vec();
    assert!(largest_difference(&y, &STEPS) < 2e-5, "{y:?}");

    // What is written of it is the same model, in Keras too.
    let path = temporary("unmasked");
    model.save_keras(&path)?;
    let mut again = AsInKeras::build(&Cpu::seed_from_u64(1))?;
    again.load_keras(&path)?;
    assert_eq!(again.predict(&IDS.to_vec(), 3)?.as_vec(), y);
    let ids = DynamicValue::Tokens { sizes: vec![3, 6], ids: IDS.concat() };
    let mut dynamic = keras::load(&path, &CustomObjects::new())?;
    let found = dynamic.run(ids)?.values().to_vec();
    assert!(largest_difference(&found, &y) < 1e-5, "{found:?}");
    // And what has been made of that is Keras's again.
    dynamic.save_keras(&path)?;
    again.load_keras(&path)?;
    std::fs::remove_file(path).unwrap();
    Ok(())
}

/// The same without a layer that Keras gives a mask: nothing in its config shows who has written it.
#[test]
fn a_file_of_its_own_says_that_masks_stay() -> Result<(), Error> {
    #[model(input = Ids<(Batch, 6)>)]
    struct Ends {
        words: Embedding<10, 8, MaskZero>,
        #[with(dropout = 0.1)]
        first: MultiHeadAttention<_, 2, 4>,
        #[from(words, first)]
        sum1: Add,
        #[with(dropout = 0.1)]
        second: MultiHeadAttention<_, 2, 4>,
    }
    let path = temporary("ends");
    let mut model = Ends::build(&Cpu::seed_from_u64(2))?;
    model.save_keras(&path)?;
    model.load_keras(&path)?;
    // A dynamic model is as in Keras, and so is what it writes.
    keras::load(&path, &CustomObjects::new())?.save_keras(&path)?;
    assert_eq!(differences(model.load_keras(&path)).len(), 1);
    std::fs::remove_file(path).unwrap();
    Ok(())
}

/// A file of a type whose masks stay is read into that type.
#[test]
fn a_file_of_its_own_is_no_file_of_keras() -> Result<(), Error> {
    let model = Masked::build(&Cpu::seed_from_u64(2))?;
    let path = temporary("masked");
    model.save_keras(&path)?;
    let mut again = Masked::build(&Cpu::seed_from_u64(3))?;
    again.load_keras(&path)?;
    let of = |model: &Masked| model.predict(&IDS.to_vec(), 3).unwrap().into_parts().0.as_vec();
    assert_eq!(of(&again), of(&model));
    std::fs::remove_file(path).unwrap();
    Ok(())
}

/// `#[model(keras = ..)]` writes the `Unmask`s.
#[model(keras = "tests/cases/keras-masks-behind/steps.keras")]
struct OutOfFile;

#[test]
fn a_type_out_of_a_file_drops_the_masks_that_keras_drops() -> Result<(), Error> {
    let model = OutOfFile::load(file("steps.keras"))?;
    let y = model.predict(&IDS.to_vec(), 3)?.as_vec();
    assert!(largest_difference(&y, &STEPS) < 2e-5, "{y:?}");
    Ok(())
}

#[test]
fn what_no_type_does_is_a_comment_in_its_source() {
    let source = |name: &str| {
        let dynamic = keras::load(file(name), &CustomObjects::new()).unwrap();
        keras::rust_source(&dynamic.config(), "Net").unwrap()
    };
    let steps = source("steps.keras");
    assert!(steps.contains("    pub second_unmasked: Unmask,"), "{steps}");
    let means = source("means.keras");
    let told = "// `second` has no type here: Keras sees the padding, which an attention without a dropout has filled";
    assert!(means.contains(told), "{means}");
    let pooled = source("pooled.keras");
    let told = "// `mean` has no type here: Keras gives it a mask, which an attention has taken off what reaches it";
    assert!(pooled.contains(told), "{pooled}");
}
