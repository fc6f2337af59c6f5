//! How does an English word sound? A model labels each letter with what it stands for: the `a` of `late` is another one than that
//! of `lattice`, and its `e` is silent. Often only the letters that follow tell, so the model reads in both directions; the padding of
//! short words takes no part in the loss.
//!
//! ```text
//! cargo run --release --example tagger [-- WORD ..]
//! ```
//!
//! It learns from English words, is tested on words whose relatives it has not seen either, and is compared with a model
//! that reads forward only, and with the commonest sound of each letter.

mod align;
mod words;

use std::{collections::HashMap, fs};

use kerata::{
    Batch, Bidirectional, Cpu, Dense, Embedding, Error, Ids, Lstm, MaskZero, Sequences,
    TimeDistributed,
    data::InMemory,
    loss::SparseCategoricalCrossentropy,
    model,
    model::Model,
    optim::Adam,
    prelude::*,
    shape::Const,
    signal::Masked,
    tensor::Tensor,
    train::{Fit, Trainer},
};
use words::LETTERS;

/// The sounds, of which the first is none, and the pairs of sounds that some letters stand for.
const SOUNDS: usize = 56;

/// Padding, and the letters a to z.
const SYMBOLS: usize = 27;

#[model(input = Ids<(Batch, LETTERS)>)]
struct Tagger {
    embed: Embedding<SYMBOLS, 24, MaskZero>,
    both: Bidirectional<Lstm<_, 64, Sequences>>,
    upper: Bidirectional<Lstm<_, 48, Sequences>>,
    sound: TimeDistributed<Dense<_, SOUNDS>>,
}

/// The same without the way back, and wider for it.
#[model(input = Ids<(Batch, LETTERS)>)]
struct Forward {
    embed: Embedding<SYMBOLS, 24, MaskZero>,
    lower: Lstm<_, 112, Sequences>,
    upper: Lstm<_, 96, Sequences>,
    sound: TimeDistributed<Dense<_, SOUNDS>>,
}

type Word = ([usize; LETTERS], [usize; LETTERS]);
type AnyError = Box<dyn std::error::Error>;

const EPOCHS: usize = 4;

fn main() -> Result<(), AnyError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [pack, file] = arguments.as_slice()
        && pack == "--pack"
    {
        let packed = words::pack(&fs::read_to_string(file)?)?;
        return Ok(fs::write("examples/tagger/words.gz", packed)?);
    }
    let words = words::load()?;
    assert_eq!(words.sounds.len(), SOUNDS);
    let (held_out, learn): (Vec<_>, Vec<_>) =
        words.entries.iter().partition(|(word, _)| words::is_held_out(word));
    let [learn, test] = [learn, held_out].map(|words| -> Vec<Word> {
        words.into_iter().map(|(word, labels)| (ids(word), padded(labels))).collect()
    });
    println!("{} words to learn from, {} held out, {SOUNDS} labels", learn.len(), test.len());

    let by_letter = commonest(&learn);
    let guesses: Vec<[usize; LETTERS]> =
        test.iter().map(|(ids, _)| ids.map(|id| by_letter[id])).collect();
    let baseline = Score::of(&test, &guesses);
    let (_, one) = trained(Forward::build(&Cpu::seed_from_u64(1))?, &learn, &test)?;
    let (model, two) = trained(Tagger::build(&Cpu::seed_from_u64(1))?, &learn, &test)?;
    println!("\nheld out                       letters right   whole words right");
    for (what, score) in [
        ("commonest sound of each letter", &baseline),
        ("forward only", &one),
        ("both directions", &two),
    ] {
        println!("{what:<30} {:>13.3} {:>19.3}", score.letters, score.words);
    }

    let asked: Vec<&str> = match arguments.as_slice() {
        [] => vec!["late", "lattice", "knight", "machine", "queue", "rethink", "bathe"],
        words => words.iter().map(String::as_str).collect(),
    };
    println!();
    for word in asked {
        let letters = word.len() <= LETTERS && word.bytes().all(|b| b.is_ascii_lowercase());
        if !letters || word.is_empty() {
            println!("{word}: up to {LETTERS} letters from a to z are needed");
            continue;
        }
        let labels = labels(&model, &[ids(word)])?[0];
        let said: Vec<String> = word
            .chars()
            .zip(labels)
            .map(|(letter, label)| format!("{letter}:{}", words.sounds[label]))
            .collect();
        println!("{word:<10} {}", said.join(" "));
    }
    let enough = two.letters > 0.86 && two.letters > one.letters + 0.1;
    if enough { Ok(()) } else { Err("the model has not learned what it should".into()) }
}

fn ids(word: &str) -> [usize; LETTERS] {
    let mut ids = [0; LETTERS];
    ids.iter_mut().zip(word.bytes()).for_each(|(id, letter)| *id = usize::from(letter - b'a') + 1);
    ids
}

fn padded(labels: &[usize]) -> [usize; LETTERS] {
    let mut padded = [0; LETTERS];
    padded[..labels.len()].copy_from_slice(labels);
    padded
}

/// For each letter the sound that it stands for most often.
fn commonest(words: &[Word]) -> [usize; SYMBOLS] {
    let mut counts = HashMap::<(usize, usize), usize>::new();
    for (ids, labels) in words {
        ids.iter()
            .zip(labels)
            .for_each(|(&id, &label)| *counts.entry((id, label)).or_default() += 1);
    }
    let count = |id, label| counts.get(&(id, label)).copied().unwrap_or(0);
    std::array::from_fn(|id| (0..SOUNDS).max_by_key(|&label| count(id, label)).unwrap_or(0))
}

/// The shares of what is right.
struct Score {
    letters: f64,
    words: f64,
}

impl Score {
    fn of(words: &[Word], guesses: &[[usize; LETTERS]]) -> Self {
        let (mut letters, mut right, mut whole) = (0, 0, 0);
        for ((ids, labels), guesses) in words.iter().zip(guesses) {
            let length = ids.iter().take_while(|&&id| id > 0).count();
            let good = labels[..length].iter().zip(guesses).filter(|(a, b)| a == b).count();
            letters += length;
            right += good;
            whole += usize::from(good == length);
        }
        let share = |n: usize, of: usize| n as f64 / of as f64;
        Self { letters: share(right, letters), words: share(whole, words.len()) }
    }
}

type Logits = Masked<Tensor<(usize, Const<LETTERS>, Const<SOUNDS>), f32, Cpu>>;

/// What the model says of each letter.
fn labels<M>(model: &M, inputs: &[[usize; LETTERS]]) -> Result<Vec<[usize; LETTERS]>, Error>
where
    M: Model<
            Input = Ids<(usize, Const<LETTERS>)>,
            Output = Masked<(usize, Const<LETTERS>, Const<SOUNDS>)>,
        >,
{
    let answers: Logits = model.predict(&inputs.to_vec(), 256)?;
    let values = answers.into_parts().0.as_vec();
    let best =
        |logits: &[f32]| (0..SOUNDS).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap_or(0);
    let of_word = |word: &[f32]| std::array::from_fn(|i| best(&word[i * SOUNDS..][..SOUNDS]));
    Ok(values.chunks(LETTERS * SOUNDS).map(of_word).collect())
}

fn trained<M>(model: M, learn: &[Word], test: &[Word]) -> Result<(M, Score), Error>
where
    M: Model<
            Input = Ids<(usize, Const<LETTERS>)>,
            Output = Masked<(usize, Const<LETTERS>, Const<SOUNDS>)>,
        >,
{
    let (inputs, targets): (Vec<_>, Vec<_>) = learn.iter().copied().unzip();
    let data = InMemory::new(inputs, targets)?;
    let loss = SparseCategoricalCrossentropy::from_logits();
    let mut trainer = Trainer::new(model, loss, Adam::new(0.004))?;
    for rate in [0.004, 0.004, 0.002, 0.0007].into_iter().take(EPOCHS) {
        trainer.optimizer.learning_rate = rate.into();
        trainer.fit(&data, &Fit { batch_size: 64, ..Fit::epochs(1) })?;
    }
    let inputs: Vec<_> = test.iter().map(|(ids, _)| *ids).collect();
    let guesses = labels(&trainer.model, &inputs)?;
    Ok((trainer.model, Score::of(test, &guesses)))
}
