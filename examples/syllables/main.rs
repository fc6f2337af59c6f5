//! Counts the syllables of English words from their letters.
//!
//! ```text
//! cargo run --release --example syllables -- [WORD ..]          # trains, then answers
//! cargo run --release --example syllables -- --load [WORD ..]   # answers with the net that was trained last
//! ```
//!
//! It learns from nine tenths of the CMU Pronouncing Dictionary and is tested on the rest. The net, a learning curve and a
//! confusion matrix go to `out/syllables`.

mod answer;
mod dictionary;
mod net;
mod question;
mod report;
mod rules;

use std::{collections::HashSet, fs, path::Path};

use answer::{Asked, Known};
use kerata::{Cpu, prelude::*};
use net::{Syllables, Unmasked};
use question::Question;
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use report::Report;

const USAGE: &str = "\
usage: syllables [WORD ..]          train, then answer
       syllables --load [WORD ..]   answer with the net that was trained last
       syllables --pack FILE        make words.gz out of cmudict.dict";

/// The words that are asked for if none are given.
const DEFAULT: [&str; 8] =
    ["banana", "university", "queue", "rhythm", "mother-in-law", "Café", "kerata", "smaragdine"];

/// The learning rate of each epoch: large steps first, small ones to settle.
const RATES: [f64; 3] = [0.004, 0.002, 0.0005];
/// How often an epoch is measured.
const PARTS: usize = 2;
/// How many such parts the net learns: two epochs and a half.
const COUNT: usize = 5;

const FOLDER: &str = "out/syllables";
const WEIGHTS: &str = "out/syllables/model.safetensors";
/// The words that were asked for when the net was trained, which it did not learn from.
const ASKED: &str = "out/syllables/asked.txt";

type AnyError = Box<dyn std::error::Error>;

fn main() {
    let arguments = std::env::args_os().skip(1);
    let arguments: Vec<String> = arguments.map(|a| a.to_string_lossy().into_owned()).collect();
    let done = match arguments.as_slice() {
        [load, words @ ..] if load == "--load" && plain(words) => answer_only(&asked(words)),
        [pack, file] if pack == "--pack" => make_list(file),
        words if plain(words) => train(&asked(words)),
        _ => Err(USAGE.into()),
    };
    if let Err(error) = done {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

/// Whether no word looks like an option.
fn plain(words: &[String]) -> bool {
    !words.iter().any(|word| word.starts_with("--"))
}

/// The words given, or the default ones.
fn asked(words: &[String]) -> Vec<Asked> {
    let read = |text: &str| (text.to_owned(), Question::read(text));
    match words {
        [] => DEFAULT.into_iter().map(read).collect(),
        words => words.iter().map(|word| read(word)).collect(),
    }
}

/// Trains both nets, reports, and answers.
fn train(asked: &[Asked]) -> Result<(), AnyError> {
    let entries = dictionary::load()?;
    let questions = asked.iter().filter_map(|(_, question)| question.as_ref().ok());
    let kept_away: HashSet<String> = questions
        .flat_map(|question| &question.parts)
        .map(|part| dictionary::stem(part).to_owned())
        .collect();
    let (mut learn, held_out) = dictionary::split(&entries, &kept_away);
    println!(
        "{} English words: {} to learn from, {} held out; the words asked for are in neither",
        entries.len(),
        learn.len(),
        held_out.len(),
    );
    learn.shuffle(&mut StdRng::seed_from_u64(1));
    let parts = learn.chunks(learn.len().div_ceil(PARTS)).map(net::data);
    let parts: Vec<_> = parts.collect::<Result<_, _>>()?;
    let test = net::data(&held_out)?;

    println!("\n{}", Syllables::summary());
    println!("\nwith MaskZero");
    let net = Syllables::build(&Cpu::seed_from_u64(1))?;
    let (net, masked) = net::train(net, &parts, &test, COUNT)?;
    println!("\nwithout MaskZero, half an epoch for comparison");
    let other = Unmasked::build(&Cpu::seed_from_u64(1))?;
    let (_, unmasked) = net::train(other, &parts, &test, 1)?;

    let report = Report::new(&net, &held_out, &test)?;
    report.print(&masked, &unmasked);
    fs::create_dir_all(FOLDER)?;
    report.draw(Path::new(FOLDER), &masked, &unmasked)?;
    net.save_weights(WEIGHTS)?;
    let mut list: Vec<&str> = kept_away.iter().map(String::as_str).collect();
    list.sort_unstable();
    fs::write(ASKED, list.join("\n"))?;
    println!("the net, a learning curve and a confusion matrix are in {FOLDER}\n");

    answer::reply(&net, asked, &Known::of(asked, kept_away)?)?;
    match report.accuracy() {
        accuracy if accuracy >= 0.93 => Ok(()),
        accuracy => {
            Err(format!("the accuracy is {accuracy:.4}, but at least 0.93 was expected").into())
        }
    }
}

/// Answers with the net that was trained last.
fn answer_only(asked: &[Asked]) -> Result<(), AnyError> {
    if !Path::new(WEIGHTS).exists() {
        return Err(format!("there is no net in {WEIGHTS} yet: run without --load first").into());
    }
    let mut net = Syllables::build(&Cpu::default())?;
    net.load_weights(WEIGHTS)?;
    let kept_away = fs::read_to_string(ASKED)?.lines().map(str::to_owned).collect();
    Ok(answer::reply(&net, asked, &Known::of(asked, kept_away)?)?)
}

/// Makes the list of words that is compiled into this example.
fn make_list(file: &str) -> Result<(), AnyError> {
    let packed = dictionary::pack(&fs::read_to_string(file)?)?;
    Ok(fs::write("examples/syllables/words.gz", packed)?)
}
