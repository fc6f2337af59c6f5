//! A small convolutional network learns digits.
//!
//! ```text
//! cargo run --release --example digits                                # digits that the example draws
//! cargo run --release --example digits -- IMAGES LABELS               # files of MNIST, the last tenth held out
//! ```
//!
//! It prints the accuracy on digits never seen, and writes the first fifty of them with its answers to
//! `out/digits.png`.

mod draw;
mod mnist;

use std::path::Path;

use kerata::{
    Batch, Conv2d, Cpu, Dense, Dropout, Flatten, MaxPool2d, Relu, Softmax,
    data::InMemory,
    loss::SparseCategoricalCrossentropy,
    metric::SparseCategoricalAccuracy,
    model,
    optim::Adam,
    prelude::*,
    train::{Fit, Trainer},
};

/// The height and width of an image.
const SIDE: usize = 28;

/// Rows of pixels of one channel, from 0 to 1.
type Image = [[[f32; 1]; SIDE]; SIDE];

#[model(input = (Batch, SIDE, SIDE, 1), output = (Batch, 10))]
struct Digits {
    conv1: Conv2d<_, 16, 3, 3, Relu>,
    pool1: MaxPool2d<2>,
    conv2: Conv2d<_, 32, 3, 3, Relu>,
    pool2: MaxPool2d<2>,
    flatten: Flatten<_>,
    drop: Dropout<30>,
    head: Dense<_, 10, Softmax>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let (images, labels) = match files.as_slice() {
        [] => draw::digits(4_000, 1),
        [images, labels] => mnist::read(Path::new(images), Path::new(labels))?,
        _ => return Err("give a file of images and a file of labels, or nothing".into()),
    };
    let (train, test) = InMemory::new(images, labels)?.split(0.1)?;
    println!("{} images to learn from, {} held out\n", train.len(), test.len());
    println!("{}\n", Digits::summary());

    let model = Digits::build(&Cpu::seed_from_u64(3))?;
    let loss = SparseCategoricalCrossentropy::default();
    let mut trainer = Trainer::new(model, loss, Adam::default())?.metric(SparseCategoricalAccuracy);
    let history =
        trainer.fit_validated(&train, &test, &Fit { batch_size: 64, ..Fit::epochs(4) })?;
    print!("{history}");
    let accuracy = history.last("val_sparse_categorical_accuracy").unwrap_or(0.0);
    println!("accuracy on digits never seen: {accuracy:.4}");
    assert!(accuracy > 0.9);

    let shown = 50.min(test.len());
    let probabilities = trainer.predict(&test.inputs()[..shown].to_vec(), 50)?.as_vec();
    let answer = |row: &[f32]| (0..10).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0);
    let answers: Vec<usize> = probabilities.chunks(10).map(answer).collect();
    std::fs::create_dir_all("out")?;
    let path = Path::new("out/digits.png");
    draw::picture(path, &test.inputs()[..shown], &answers, &test.targets()[..shown])?;
    println!("the first {shown} with their answers: {}", path.display());
    Ok(())
}
