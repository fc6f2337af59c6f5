//! Models of branches, whose layers Keras counts in an order of its own.

use std::path::{Path, PathBuf};

use kerata::{
    Add, Batch, Cpu, Dense, Embedding, Error, GlobalAveragePooling1d, Ids, MaskZero,
    MultiHeadAttention, Subtract,
    config::{CustomObjects, DynamicValue},
    keras, model,
    prelude::*,
};

use crate::case::largest_difference;

fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("kerata-{name}-{}.keras", std::process::id()))
}

#[model(input = (Batch, 2), output = (Batch, 2))]
struct Branches {
    a: Dense<_, 2>,
    #[from(input)]
    b: Dense<_, 2>,
    c: Dense<_, 2>,
    #[from(a, c)]
    sum: Subtract,
}

/// `tests/cases/keras-branches/make.py`.
#[test]
fn weights_alone_are_counted_as_keras_counts() -> Result<(), Error> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/keras-branches");
    let mut model = Branches::build(&Cpu::seed_from_u64(0))?;
    model.load_keras(cases.join("model.weights.h5"))?;
    let y = model.predict(&vec![[1.0_f32, 2.0]], 1)?.as_vec();
    assert!(largest_difference(&y, &[-0.478_537_2, 1.544_638_9]) < 1e-6, "{y:?}");

    let path = temporary("branches");
    model.save_keras(&path)?;
    let (mut again, mut dynamic) =
        (Branches::build(&Cpu::seed_from_u64(1))?, keras::load(&path, &CustomObjects::new())?);
    again.load_keras(&path)?;
    assert_eq!(again.predict(&vec![[1.0_f32, 2.0]], 1)?.as_vec(), y);
    let names: Vec<String> = dynamic.layers().iter().map(|layer| layer.name().into()).collect();
    assert_eq!(names[names.len() - 4..], ["b", "a", "c", "sum"]);
    dynamic.load_keras(&path)?;
    std::fs::remove_file(path).unwrap();
    Ok(())
}

#[model(input = Ids<(Batch, 6)>, output = (Batch, 2))]
struct Reader {
    words: Embedding<20, 8, MaskZero>,
    attention: MultiHeadAttention<_, 2, 4>,
    #[from(words, attention)]
    sum: Add,
    mean: GlobalAveragePooling1d,
    head: Dense<_, 2>,
}

/// The mean has its mask in Keras too, which it finds before an attention takes any off.
#[test]
fn the_mask_of_a_mean_behind_an_attention_stays() -> Result<(), Error> {
    let model = Reader::build(&Cpu::seed_from_u64(1))?;
    let words = vec![[1_usize, 2, 3, 0, 0, 0], [0, 0, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6]];
    let y = model.predict(&words, 3)?.as_vec();
    let path = temporary("attention");
    model.save_keras(&path)?;
    let mut dynamic = keras::load(&path, &CustomObjects::new())?;
    std::fs::remove_file(path).unwrap();
    let ids = DynamicValue::Tokens { sizes: vec![3, 6], ids: words.concat() };
    let found = dynamic.run(ids)?.values().to_vec();
    assert!(largest_difference(&found, &y) < 1e-6, "{found:?} {y:?}");
    Ok(())
}
