//! Tells nine speakers by how they say two vowels: sequences of 7 to 29 steps, with and without `Masking`.
//!
//! ```text
//! cargo run --release --example speakers
//! ```
//!
//! Both nets read the same rows, padded to 29 steps. The one with `Masking` skips the padding; the other reads it, and
//! has to remember the speaker meanwhile. Each is trained from three seeds.

mod data;

use data::{COEFFICIENTS, Utterance};
use kerata::{
    Batch, Const, Cpu, Dense, Dropout, Error, Lstm, Masking, Softmax,
    data::{InMemory, Side, pad_sequences},
    loss::SparseCategoricalCrossentropy,
    metric::SparseCategoricalAccuracy,
    model,
    model::Model,
    optim::Adam,
    prelude::*,
    train::{Fit, Trainer},
};

/// The longest utterance, in steps.
const STEPS: usize = 29;
const SPEAKERS: usize = 9;
const SEEDS: [u64; 3] = [1, 2, 3];

#[model(input = (Batch, STEPS, COEFFICIENTS), output = (Batch, SPEAKERS))]
struct WithMasking {
    mask: Masking, // a step of zeros is padding
    lstm: Lstm<_, 64>,
    drop: Dropout<30>,
    speaker: Dense<_, SPEAKERS, Softmax>,
}

#[model(input = (Batch, STEPS, COEFFICIENTS), output = (Batch, SPEAKERS))]
struct WithoutMasking {
    lstm: Lstm<_, 64>,
    drop: Dropout<30>,
    speaker: Dense<_, SPEAKERS, Softmax>,
}

type Data = InMemory<Vec<[[f32; COEFFICIENTS]; STEPS]>, Vec<usize>>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => {}
        [pack, train, test] if pack == "--pack" => {
            let [train, test] = [std::fs::read_to_string(train)?, std::fs::read_to_string(test)?];
            return Ok(std::fs::write(
                "examples/speakers/utterances.gz",
                data::pack(&train, &test)?,
            )?);
        }
        _ => return Err("this example takes no arguments".into()),
    }

    let [train, test] = data::load()?;
    let steps = train.iter().chain(&test).map(|(steps, _)| steps.len());
    let (all, real) = ((train.len() + test.len()) * STEPS, steps.sum::<usize>());
    println!("{} utterances to learn from, {} to test with", train.len(), test.len());
    println!("{real} steps; with the padding {all}\n\n{}\n", WithMasking::summary());
    let (train, test) = (dataset(train)?, dataset(test)?);

    println!("accuracy on the test utterances, from three seeds");
    let with = accuracies(WithMasking::build, &train, &test)?;
    println!("with Masking     {}", shown(&with));
    let without = accuracies(WithoutMasking::build, &train, &test)?;
    println!("without          {}", shown(&without));
    assert!(mean(&with) > 0.93 && mean(&with) > mean(&without));
    Ok(())
}

fn dataset(utterances: Vec<Utterance>) -> Result<Data, Error> {
    let (rows, speakers): (Vec<_>, Vec<_>) = utterances.into_iter().unzip();
    let padded = pad_sequences(&rows, [0.0; COEFFICIENTS], Side::Post, Side::Post);
    InMemory::new(padded, speakers)
}

/// The accuracy on the test data after training, for each seed.
fn accuracies<M>(
    build: fn(&Cpu) -> Result<M, Error>,
    train: &Data,
    test: &Data,
) -> Result<Vec<f64>, Error>
where
    M: Model<Input = (Batch, Const<STEPS>, Const<COEFFICIENTS>), Output = (Batch, Const<SPEAKERS>)>,
{
    let accuracy = |seed| {
        let mut model = build(&Cpu::seed_from_u64(seed))?;
        let loss = SparseCategoricalCrossentropy::default();
        // Large steps first, small ones to settle.
        for (rate, epochs) in [(0.005, 15), (0.001, 5)] {
            let mut trainer = Trainer::new(model, loss, Adam::new(rate))?;
            let fit = Fit { batch_size: 16, seed, progress: false, ..Fit::epochs(epochs) };
            trainer.fit(train, &fit)?;
            model = trainer.model;
        }
        let trainer = Trainer::new(model, loss, Adam::default())?.metric(SparseCategoricalAccuracy);
        Ok(trainer.evaluate(test, 370)?[1].1)
    };
    SEEDS.into_iter().map(accuracy).collect()
}

fn shown(accuracies: &[f64]) -> String {
    let each: Vec<String> = accuracies.iter().map(|accuracy| format!("{accuracy:.3}")).collect();
    format!("{}   mean {:.3}", each.join("  "), mean(accuracies))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
