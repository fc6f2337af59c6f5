//! All pictures of a small training: `cargo run --release --example pictures -- FOLDER`.
//!
//! A model learns whether sequences of digits, of different lengths, have more large digits than small ones. What is drawn is the
//! model, its training, its parameters, its answers, and a batch of its padded data.

use std::{error::Error, path::PathBuf};

use kerata::{
    Add, Batch, Cpu, Dense, Dropout, Embedding, Ids, Lstm, Mask, MaskZero, Relu, Sequences,
    Sigmoid, TimeDistributed,
    data::InMemory,
    loss::BinaryCrossentropy,
    metric::BinaryAccuracy,
    model,
    optim::Adam,
    plot,
    prelude::*,
    train::{Fit, Trainer},
};
use rand::{Rng, SeedableRng, rngs::SmallRng};

const LENGTH: usize = 12;

#[model(input = Ids<(Batch, 12)>, output = (Batch, 1))]
struct Majority {
    #[with(trainable = false)]
    embed: Embedding<11, 8, MaskZero>,
    lstm: Lstm<_, 8, Sequences>,
    #[from(embed, lstm)]
    sum: Add,
    hidden: TimeDistributed<Dense<_, 8, Relu>>,
    #[from(hidden, embed)]
    again: Add,
    last: Lstm<_, 8>,
    drop: Dropout<20>,
    head: Dense<_, 1, Sigmoid>,
}

/// Sequences of digits from 1 to 10 with padding, and whether most are above 5; one answer in ten is wrong.
fn digits(count: usize, seed: u64) -> (Vec<[usize; LENGTH]>, Vec<[f32; 1]>) {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut sample = || {
        let length = random.gen_range(1..=LENGTH);
        let mut ids = [0; LENGTH];
        ids[..length].iter_mut().for_each(|id| *id = random.gen_range(1..=10));
        let large = ids.iter().filter(|id| **id > 5).count();
        let answer = (2 * large > length) != random.gen_bool(0.1);
        (ids, [f32::from(u8::from(answer))])
    };
    (0..count).map(|_| sample()).unzip()
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "out/pictures".into()));
    std::fs::create_dir_all(&folder)?;
    let ((inputs, targets), (unseen, answers)) = (digits(2000, 1), digits(1000, 2));
    let train = InMemory::new(inputs, targets)?;
    let held_out = InMemory::new(unseen.clone(), answers.clone())?;

    let model = Majority::build(&Cpu::seed_from_u64(0))?;
    let mut trainer = Trainer::new(model, BinaryCrossentropy::default(), Adam::new(0.01))?
        .metric(BinaryAccuracy::default());
    let fit = Fit { batch_size: 32, ..Fit::epochs(8) };
    let history = trainer.fit_validated(&train, &held_out, &fit)?;

    let probabilities: Vec<f64> =
        trainer.predict(&unseen, 100)?.as_vec().into_iter().map(f64::from).collect();
    let truths: Vec<bool> = answers.iter().map(|[answer]| *answer == 1.0).collect();
    let mut counts = vec![vec![0_usize; 2]; 2];
    for (probability, truth) in probabilities.iter().zip(&truths) {
        counts[usize::from(*truth)][usize::from(*probability > 0.5)] += 1;
    }
    let batch = &unseen[..8];
    let mask = Mask::from_ids(batch.as_flattened(), batch.len(), LENGTH)?;
    let steps: Vec<Vec<usize>> = batch.iter().map(|ids| ids.to_vec()).collect();
    let pictures = [
        ("model", plot::model_graph(&Majority::summary())?),
        ("history", plot::history(&history)?),
        ("weights", plot::weight_histograms(&trainer.model)?),
        ("confusion", plot::confusion_matrix(&["small", "large"], &counts)?),
        ("calibration", plot::calibration(&[("majority", &probabilities, &truths)], 10)?),
        ("batch", plot::masked_batch(&mask, &steps)?),
        ("mask", plot::masked_batch::<usize>(&mask, &[])?),
    ];
    for (name, picture) in pictures {
        for ending in ["svg", "png"] {
            let path = folder.join(format!("{name}.{ending}"));
            picture.save(&path)?;
            println!("{}", path.display());
        }
    }
    Ok(())
}
