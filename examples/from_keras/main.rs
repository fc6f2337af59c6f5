//! A model that Keras has trained (`train.py`): it counts the vowels of a word. It is read as it is, and as a type; what
//! would not fit is told; it learns on; and what it has learnt goes back to Keras.

use kerata::{
    Batch, Cpu, Dense, Embedding, Error, Gru, Ids, MaskZero,
    config::{CustomObjects, DynamicValue},
    data::InMemory,
    keras,
    loss::MeanSquaredError,
    model,
    optim::Adam,
    prelude::*,
    train::{Fit, Trainer},
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/from_keras/vowels.keras");
const WORDS: [&str; 4] = ["banana", "rhythm", "onomatopoeia", "kerata"];
/// What Keras answers for them.
const KERAS: [f32; 4] = [3.030_155, 0.043_232_42, 8.072_701, 3.026_730_8];

/// The layers are read out of the file while this is compiled; with its weights it is a part of the program.
#[model(keras = "examples/from_keras/vowels.keras", output = (Batch, 1), embed)]
struct Vowels;

/// Not what is in the file.
#[model(input = Ids<(Batch, 12)>, output = (Batch, 1))]
struct Wider {
    letters: Embedding<27, 4, MaskZero>,
    reader: Gru<_, 16>,
    count: Dense<_, 1>,
}

/// 1 to 26 for the letters, 0 behind the word.
fn ids(word: &str) -> [usize; 12] {
    let mut letters = word.bytes().map(|letter| usize::from(letter - b'a') + 1);
    std::array::from_fn(|_| letters.next().unwrap_or(0))
}

fn assert_near(found: &[f32], expected: &[f32]) {
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() < 1e-4, "{a} is not {b}");
    }
}

fn main() -> Result<(), Error> {
    let rows: Vec<[usize; 12]> = WORDS.map(ids).into();

    // As it is: no type says what is in it.
    let mut dynamic = keras::load(FILE, &CustomObjects::new())?;
    let counts = dynamic.run(DynamicValue::ids([4, 12], rows.concat())?)?;
    for (word, count) in WORDS.iter().zip(counts.values()) {
        println!("{word}: {count:.2} vowels");
    }
    assert_near(counts.values(), &KERAS);

    // As a type that the compiler has read out of the file.
    let model = Vowels::load()?;
    assert_near(&model.predict(&rows, 4)?.as_vec(), &KERAS);

    // Into a type of your own, which the file must fit in all that it says.
    let error = Wider::build(&Cpu::seed_from_u64(0))?.load_keras(FILE).unwrap_err().to_string();
    println!("\nwith 16 units:\n{}", error.replace(env!("CARGO_MANIFEST_DIR"), "."));
    assert!(error.contains("layer 1 `reader`, units: the type says 16, the JSON says 8"));
    assert!(error.contains("`reader`, kernel: the model has (4, 48), the file has (4, 24)"));

    // It learns on: `y` counts as well, from now on.
    let counts = [3.0, 1.0, 8.0, 3.0].map(|count| [count]);
    let data = InMemory::new(rows.clone(), counts.to_vec())?;
    let mut trainer = Trainer::new(model, MeanSquaredError, Adam::new(0.003))?;
    let history = trainer.fit(&data, &Fit { batch_size: 4, ..Fit::epochs(200) })?;
    println!("\nthe loss is {:.4} after 200 steps", history.last("loss").unwrap_or_default());
    let model = trainer.model;
    assert!((model.predict(&vec![ids("rhythm")], 1)?.as_vec()[0] - 1.0).abs() < 0.2);

    // Back to Keras: `keras.saving.load_model` reads it.
    let path = std::env::temp_dir().join("kerata-vowels.keras");
    model.save_keras(&path)?;
    println!("written: {} bytes", std::fs::metadata(&path).map_or(0, |file| file.len()));
    let again = keras::load(&path, &CustomObjects::new())?;
    assert_eq!(again.params(), Vowels::PARAMS);
    std::fs::remove_file(path).map_err(|e| Error::Device(e.to_string()))
}
