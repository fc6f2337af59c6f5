//! Word vectors from a text: which words are alike, as a list and as pictures.
//!
//! ```text
//! cargo run --release --example word_vectors            # the texts of some 700 licences, from the crate `spdx`
//! cargo run --release --example word_vectors -- FILE    # a text of your own
//! ```
//!
//! A word is to be told from the two words before it and the two behind it; the table that is learned on the way is
//! what is looked at. Pictures and files for TensorBoard's embedding projector go to `out/word_vectors`.

use dfdx::tensor::Cache;
use kerata::{
    Batch, Cpu, Dense, Embedding, GlobalAveragePooling1d, Ids,
    data::{InMemory, Vocabulary},
    loss::SparseCategoricalCrossentropy,
    model,
    optim::Adam,
    plot,
    prelude::*,
    train::{Fit, Trainer},
    words::WordVectors,
};

/// The most frequent words, with padding and the token for all others.
const WORDS: usize = 1000;

#[model(input = Ids<(Batch, 4)>, output = (Batch, WORDS))]
struct Neighbours {
    embed: Embedding<WORDS, 64>,
    mean: GlobalAveragePooling1d,
    word: Dense<_, WORDS>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1);
    let texts: Vec<String> = match &file {
        Some(path) => std::fs::read_to_string(path)?.split("\n\n").map(String::from).collect(),
        None => spdx::text::LICENSE_TEXTS.iter().map(|(_, text)| text.to_string()).collect(),
    };
    let vocabulary = Vocabulary::words().unknown("[UNK]").max_size(WORDS).learn(&texts)?;
    // A text with fewer words than the model has rows ends here.
    vocabulary.check_size(WORDS)?;
    let (mut around, mut words) = (Vec::new(), Vec::new());
    for text in &texts {
        for window in vocabulary.encode(text)?.windows(5).filter(|window| window[2] != 1) {
            around.push([window[0], window[1], window[3], window[4]]);
            words.push(window[2]);
        }
    }
    println!("{} words to learn from, {} of them different", words.len(), vocabulary.size());

    let dev = Cpu::seed_from_u64(1);
    dev.enable_cache();
    let model = Neighbours::build(&dev)?;
    let loss = SparseCategoricalCrossentropy::from_logits();
    let mut trainer = Trainer::new(model, loss, Adam::new(0.004))?;
    let fit = Fit { batch_size: 512, progress: true, ..Fit::epochs(2) };
    print!("{}", trainer.fit(&InMemory::new(around, words)?, &fit)?);

    let vectors = WordVectors::new(&trainer.model.embed, &vocabulary)?;
    let long = vocabulary.iter().map(|(_, word)| word).filter(|word| word.len() > 6);
    let asked: Vec<&str> = long.take(10).collect();
    let mut shown = Vec::new();
    for (word, nearest) in asked.iter().zip(vectors.nearest_of_all(&asked, 5)?) {
        let list: Vec<String> =
            nearest.iter().map(|(other, s)| format!("{other} {s:.2}")).collect();
        println!("{word:>14}: {}", list.join(", "));
        shown.extend(std::iter::once(*word).chain(nearest.into_iter().map(|(other, _)| other)));
    }
    if file.is_none() {
        assert_eq!(vectors.nearest("license", 1)?[0].0, "licence");
        let (alike, other) = (("software", "program"), ("software", "section"));
        assert!(
            vectors.similarity(alike.0, alike.1)? > vectors.similarity(other.0, other.1)? + 0.2
        );
    }

    let mut once = std::collections::HashSet::new();
    shown.retain(|word| once.insert(*word));
    let folder = std::path::Path::new("out/word_vectors");
    std::fs::create_dir_all(folder)?;
    for (name, picture) in [
        ("map", plot::word_map(&vectors, &shown, &[])?),
        ("similarity", plot::similarity_map(&vectors, &shown[..24.min(shown.len())])?),
    ] {
        picture.save(folder.join(name).with_extension("svg"))?;
        picture.save(folder.join(name).with_extension("png"))?;
    }
    vectors.save_word2vec(folder.join("vectors.txt"))?;
    vectors.save_projector(folder)?;
    println!("pictures, vectors and files for the projector are in {}", folder.display());
    Ok(())
}
