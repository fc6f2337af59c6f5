//! How do I write text letter by letter? A model learns English words, each letter from those before it, and then writes
//! new ones: `model.stream(..)` keeps its state, so that a letter costs one step, however long the word is.
//!
//! ```text
//! cargo run --example generate [-- BEGINNING ..]
//! ```

use kerata::{
    Batch, Const, Cpu, Dense, Embedding, Error, Ids, Lstm, MaskZero, Sequences, TimeDistributed,
    data::InMemory,
    loss::SparseCategoricalCrossentropy,
    model,
    model::Stream,
    optim::Adam,
    prelude::*,
    train::{Fit, Trainer},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

#[allow(dead_code)]
#[path = "syllables/dictionary.rs"]
mod dictionary;

/// Padding, the letters a to z, and the symbol at which a word begins and stops.
const SYMBOLS: usize = 28;
const STOP: usize = 27;

/// A word has at most this many letters.
const LETTERS: usize = 9;
const STEPS: usize = LETTERS + 1;

#[model(input = Ids<(Batch, STEPS)>)]
struct Writer {
    embed: Embedding<SYMBOLS, 16, MaskZero>,
    lstm: Lstm<_, 48, Sequences>,
    next: TimeDistributed<Dense<_, SYMBOLS>>,
}

fn id(letter: char) -> Option<usize> {
    letter.is_ascii_lowercase().then(|| letter as usize - 'a' as usize + 1)
}

fn letter(id: usize) -> char {
    char::from(b'a' + id as u8 - 1)
}

/// What a word begins with, its letters, and padding; and what comes next at each step.
fn sample(word: &str) -> Option<([usize; STEPS], [usize; STEPS])> {
    let ids: Vec<usize> = word.chars().map(id).collect::<Option<_>>()?;
    if !(4..=LETTERS).contains(&ids.len()) {
        return None;
    }
    let (mut input, mut target) = ([0; STEPS], [0; STEPS]);
    input[0] = STOP;
    input[1..=ids.len()].copy_from_slice(&ids);
    target[..ids.len()].copy_from_slice(&ids);
    target[ids.len()] = STOP;
    Some((input, target))
}

/// A symbol, as likely as the model says. A low temperature keeps to what is most likely, a high one dares more.
fn draw(logits: &[f32; SYMBOLS], temperature: f32, random: &mut StdRng) -> usize {
    // Padding is never written.
    let most = logits[1..].iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shares = logits[1..].iter().map(|logit| ((logit - most) / temperature).exp());
    let mut left = random.gen_range(0.0..shares.clone().sum());
    let found = shares.into_iter().position(|share| {
        left -= share;
        left < 0.0
    });
    found.map_or(STOP, |at| at + 1)
}

/// Writes a word that begins in a given way.
fn write(
    stream: &mut Stream<Writer>,
    beginning: &str,
    temperature: f32,
    random: &mut StdRng,
) -> Result<String, Error> {
    stream.reset();
    let mut word = beginning.to_owned();
    let (mut logits, _) = stream.step(&[STOP])?;
    for id in beginning.chars().filter_map(id) {
        (logits, _) = stream.step(&[id])?;
    }
    while word.len() < 2 * LETTERS {
        match draw(&logits[0], temperature, random) {
            STOP => break,
            next => {
                word.push(letter(next));
                (logits, _) = stream.step(&[next])?;
            }
        }
    }
    Ok(word)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let entries = dictionary::load()?;
    let samples = entries.iter().filter_map(|(word, _)| sample(word));
    let (inputs, targets): (Vec<_>, Vec<_>) = samples.step_by(80).unzip();
    println!("{} words, such as {}", inputs.len(), spelled(&inputs[7]));

    let model = Writer::build(&Cpu::seed_from_u64(1))?;
    let loss = SparseCategoricalCrossentropy::from_logits();
    let mut trainer = Trainer::new(model, loss, Adam::new(0.02))?;
    let data = InMemory::new(inputs.clone(), targets)?;
    let fit = Fit { batch_size: 64, ..Fit::epochs(8) };
    let history = trainer.fit(&data, &fit)?;
    let last = history.last("loss").unwrap_or(f64::NAN);
    // Guessing blindly costs ln 27 = 3.3 for each letter.
    println!("loss in the last epoch {last:.3}\n");
    assert!(last < 2.6);

    let model = &trainer.model;
    let mut stream = model.stream(1)?;
    let mut random = StdRng::seed_from_u64(2);
    let asked: Vec<String> = std::env::args().skip(1).map(|word| word.to_lowercase()).collect();
    for temperature in [0.4, 0.8, 1.2] {
        let mut words = Vec::new();
        for beginning in asked.iter().map(String::as_str).chain(["", "", "", "s", "un", "over"]) {
            words.push(write(&mut stream, beginning, temperature, &mut random)?);
        }
        println!("temperature {temperature}: {}", words.join(" "));
    }

    // Letter by letter is the whole word at once, the steps of the padding included.
    let words = &inputs[..20];
    let whole = model.forward(Cpu::default().tensor_from_vec(words.concat(), (20, Const)))?;
    let (whole, mask) = whole.into_parts();
    let whole = whole.as_vec();
    let mut stream = model.stream(20)?;
    for step in 0..STEPS {
        let ids: Vec<usize> = words.iter().map(|word| word[step]).collect();
        let (logits, keep) = stream.step(&ids)?;
        for (row, logits) in logits.iter().enumerate() {
            let expected = &whole[(row * STEPS + step) * SYMBOLS..][..SYMBOLS];
            assert!(logits.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4));
            assert_eq!(keep[row], mask.row(row)[step]);
        }
    }
    Ok(())
}

fn spelled(input: &[usize; STEPS]) -> String {
    input[1..].iter().take_while(|&&id| id > 0).map(|&id| letter(id)).collect()
}
