//! How do I build a small GPT? A transformer learns English words letter by letter, in lines of many words, and then writes new ones:
//! `model.stream(..)` keeps the keys and values of its attentions, so that a letter costs one step, however long the line is.
//!
//! ```text
//! cargo run --release --example gpt [-- BEGINNING]
//! ```

use std::time::Instant;

use kerata::{
    Add, Batch, Const, Cpu, Dense, Dropout, Embedding, Error, Gelu, Ids, LayerNorm,
    MultiHeadAttention, PositionEmbedding, TimeDistributed,
    data::InMemory,
    loss::SparseCategoricalCrossentropy,
    model,
    model::Stream,
    optim::Adam,
    prelude::*,
    train::{Fit, Trainer},
};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

#[allow(dead_code)]
#[path = "syllables/dictionary.rs"]
mod dictionary;

/// The space between words, and the letters a to z.
const SYMBOLS: usize = 27;
/// How long a line is.
const LENGTH: usize = 128;
const WIDTH: usize = 48;

/// Each step sees those before it, and itself; what it finds is added to what it was.
#[model(input = (Batch, LENGTH, WIDTH), output = (Batch, LENGTH, WIDTH))]
struct Block {
    norm1: LayerNorm<_>,
    #[with(use_causal_mask = true)]
    attention: MultiHeadAttention<_, 4, 12>,
    #[from(input, attention)]
    seen: Add,
    norm2: LayerNorm<_>,
    wide: TimeDistributed<Dense<_, 128, Gelu>>,
    narrow: TimeDistributed<Dense<_, WIDTH>>,
    drop: Dropout<5>,
    #[from(seen, drop)]
    thought: Add,
}

#[model(input = Ids<(Batch, LENGTH)>, output = (Batch, LENGTH, SYMBOLS))]
struct Gpt {
    letters: Embedding<SYMBOLS, WIDTH>,
    places: PositionEmbedding<_, LENGTH>,
    #[from(letters, places)]
    both: Add,
    block1: Block,
    block2: Block,
    norm: LayerNorm<_>,
    next: TimeDistributed<Dense<_, SYMBOLS>>,
}

fn id(letter: char) -> Option<usize> {
    match letter {
        ' ' => Some(0),
        'a'..='z' => Some(letter as usize - 'a' as usize + 1),
        _ => None,
    }
}

fn letter(id: usize) -> char {
    if id == 0 { ' ' } else { char::from(b'a' + id as u8 - 1) }
}

/// Lines of words, and what comes next at each of their letters.
fn lines(words: &[&str]) -> (Vec<[usize; LENGTH]>, Vec<[usize; LENGTH]>) {
    let text: Vec<usize> =
        words.iter().flat_map(|word| word.chars().chain([' '])).filter_map(id).collect();
    // Each begins with a space, as does what is written later: the last symbol of the line before it.
    let line = |at: usize| {
        let next = &text[at..at + LENGTH];
        let mut line = [0; LENGTH];
        line[1..].copy_from_slice(&next[..LENGTH - 1]);
        (line, std::array::from_fn(|i| next[i]))
    };
    (0..text.len() / LENGTH).map(|i| line(i * LENGTH)).unzip()
}

/// A symbol, as likely as the model says. A low temperature keeps to what is most likely.
fn draw(logits: &[f32; SYMBOLS], temperature: f32, random: &mut StdRng) -> usize {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shares = logits.iter().map(|logit| ((logit - most) / temperature).exp());
    let mut left = random.gen_range(0.0..shares.clone().sum());
    let found = shares.into_iter().position(|share| {
        left -= share;
        left < 0.0
    });
    found.unwrap_or(0)
}

/// Writes a line that begins in a given way, and says how long a step took at its end, in microseconds.
fn write(
    stream: &mut Stream<Gpt>,
    beginning: &[usize],
    temperature: f32,
    random: &mut StdRng,
) -> Result<(String, f64), Error> {
    stream.reset();
    let mut text = String::new();
    let (mut next, mut late) = (0, Instant::now());
    for step in 0..LENGTH {
        if step == LENGTH / 2 {
            late = Instant::now();
        }
        let logits = stream.step(&[next])?;
        next = match beginning.get(step) {
            Some(&given) => given,
            None => draw(&logits[0], temperature, random),
        };
        text.push(letter(next));
    }
    Ok((text, late.elapsed().as_secs_f64() * 1e6 / (LENGTH / 2) as f64))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let entries = dictionary::load()?;
    let usual =
        |word: &&str| word.len() > 3 && word.chars().all(|letter| letter.is_ascii_lowercase());
    let mut words: Vec<&str> =
        entries.iter().map(|(word, _)| word.as_str()).filter(usual).collect();
    words.shuffle(&mut StdRng::seed_from_u64(0));
    words.truncate(20_000);
    let (inputs, targets) = lines(&words);
    println!("{} lines of {LENGTH} letters, such as{}", inputs.len(), spelled(&inputs[0]));

    let loss = SparseCategoricalCrossentropy::from_logits();
    let mut trainer = Trainer::new(Gpt::build(&Cpu::seed_from_u64(1))?, loss, Adam::new(0.005))?;
    let data = InMemory::new(inputs.clone(), targets)?;
    let start = Instant::now();
    let history = trainer.fit(&data, &Fit { batch_size: 16, ..Fit::epochs(4) })?;
    let last = history.last("loss").unwrap_or(f64::NAN);
    // Guessing blindly costs ln 27 = 3.3 for each letter.
    println!("loss in the last epoch {last:.3}, after {:.0} s\n", start.elapsed().as_secs_f64());
    assert!(last < 2.65);

    let model = &trainer.model;
    let mut stream = model.stream(1)?;
    let mut random = StdRng::seed_from_u64(2);
    let asked = std::env::args().skip(1).collect::<Vec<_>>().join(" ").to_lowercase();
    let beginning: Vec<usize> = asked.chars().filter_map(id).collect();
    let mut step = f64::INFINITY;
    for temperature in [0.4, 0.7, 1.0] {
        let (text, time) = write(&mut stream, &beginning, temperature, &mut random)?;
        println!("temperature {temperature}: {text}");
        step = step.min(time);
    }

    // Letter by letter is the whole line at once.
    let lines = &inputs[..3];
    let whole = model.forward(Cpu::default().tensor_from_vec(lines.concat(), (3, Const)))?.as_vec();
    let mut stream = model.stream(3)?;
    for step in 0..LENGTH {
        let ids: Vec<usize> = lines.iter().map(|line| line[step]).collect();
        for (row, logits) in stream.step(&ids)?.iter().enumerate() {
            let expected = &whole[(row * LENGTH + step) * SYMBOLS..][..SYMBOLS];
            assert!(logits.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4));
        }
    }

    // Without a stream, each letter needs the whole line again.
    let line = inputs[..1].to_vec();
    let mut again = f64::INFINITY;
    for _ in 0..10 {
        let start = Instant::now();
        model.predict(&line, 1)?;
        again = again.min(start.elapsed().as_secs_f64() * 1e6);
    }
    println!("\na step of the stream takes {step:.0} microseconds, the whole line {again:.0}");
    assert!(step < again);
    Ok(())
}

fn spelled(line: &[usize; LENGTH]) -> String {
    line.iter().map(|&id| letter(id)).collect()
}
