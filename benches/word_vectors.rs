//! Neighbours among 400,000 words of 300 numbers, next to reading such a table once.
//!
//! ```text
//! cargo bench --bench word_vectors
//! ```

use std::{hint::black_box, time::Instant};

use kerata::{Cpu, Embedding, Error, data::Vocabulary, words::WordVectors};
use rayon::prelude::*;

const WORDS: usize = 400_000;
const WIDTH: usize = 300;

/// The median time, in milliseconds.
fn median(times: usize, mut run: impl FnMut()) -> f64 {
    let mut time = || {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64() * 1e3
    };
    time();
    let mut all: Vec<f64> = (0..times).map(|_| time()).collect();
    all.sort_by(f64::total_cmp);
    all[times / 2]
}

fn main() -> Result<(), Error> {
    let vocabulary = Vocabulary::words().list((1..WORDS).map(|i| format!("w{i}")))?;
    let start = Instant::now();
    let embedding: Embedding<WORDS, WIDTH> = vocabulary.embedding(&Cpu::seed_from_u64(0))?;
    println!("making the embedding    {:8.1} ms", start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    let vectors = WordVectors::new(&embedding, &vocabulary)?;
    println!("WordVectors::new        {:8.1} ms", start.elapsed().as_secs_f64() * 1e3);

    // All numbers are added up, in many sums that do not wait for each other, on as many threads as there are.
    let table: Vec<f32> = embedding.embeddings.as_vec();
    drop(embedding);
    let sum = |part: &[f32]| {
        let mut sums = [0.0_f32; 64];
        part.as_chunks::<64>().0.iter().for_each(|chunk| {
            sums.iter_mut().zip(chunk).for_each(|(sum, x)| *sum += x);
        });
        sums.iter().sum::<f32>()
    };
    let share = table.len().div_ceil(rayon::current_num_threads());
    let read = median(15, || {
        black_box(table.par_chunks(share).map(sum).sum::<f32>());
    });
    let gigabytes = (table.len() * 4) as f64 / 1e9;
    println!("reading the table once  {read:8.1} ms  {:.1} GB/s", gigabytes / read * 1e3);

    let one = median(15, || {
        black_box(vectors.nearest("w77", 10).unwrap());
    });
    println!("nearest, one word       {one:8.1} ms  {:.2} of a read", one / read);
    for count in [10, 100, 1000] {
        let words: Vec<String> = (1..=count).map(|i| format!("w{}", i * 17)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let all = median(3, || {
            black_box(vectors.nearest_of_all(&words, 10).unwrap());
        });
        let products = 2.0 * (WORDS * WIDTH * count) as f64 / 1e6;
        println!(
            "nearest, {count:>4} words     {all:8.1} ms  {:.2} a word, {:.0} GFLOP/s",
            all / count as f64,
            products / all
        );
    }
    Ok(())
}
