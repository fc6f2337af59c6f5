//! Tells nine speakers by how they say two vowels, trained by several processes:
//!
//! ```text
//! cargo build --release -p kerata-mpi --examples
//! mpirun -n 4 target/release/examples/train_mpi
//! ```
//!
//! Without `mpirun` it is one process, which learns the same. The utterances are masked sequences of 7 to 29 steps, so the
//! ranks have other numbers of steps; the means are over all of them.

#[path = "../../examples/speakers/data.rs"]
#[allow(dead_code, reason = "what packs them is for the other example")]
mod data;

use std::time::Instant;

use data::{COEFFICIENTS, Utterance};
use kerata::{
    Batch, Cpu, Dense, Dropout, Error, Lstm, Masking, Softmax,
    callbacks::ModelCheckpoint,
    data::{InMemory, Side, pad_sequences},
    distributed::Communicator,
    loss::SparseCategoricalCrossentropy,
    metric::SparseCategoricalAccuracy,
    model,
    optim::Adam,
    prelude::*,
    train::{Fit, Trainer},
};
use kerata_mpi::{Mpi, MpiRank};

/// The longest utterance, in steps.
const STEPS: usize = 29;
const SPEAKERS: usize = 9;

#[model(input = (Batch, STEPS, COEFFICIENTS), output = (Batch, SPEAKERS))]
struct Speakers {
    mask: Masking, // a step of zeros is padding
    lstm: Lstm<_, 64>,
    drop: Dropout<30>,
    speaker: Dense<_, SPEAKERS, Softmax>,
}

type Data = InMemory<Vec<[[f32; COEFFICIENTS]; STEPS]>, Vec<usize>>;

fn main() -> Result<(), Error> {
    Mpi::new().run(train)
}

/// The whole program, of each rank.
fn train(rank: MpiRank) -> Result<(), Error> {
    let (first, size) = (rank.rank() == 0, rank.size());
    let read = |error: std::io::Error| Error::Device(error.to_string());
    let [train, test] = data::load().map_err(read)?;
    let (train, test) = (dataset(train)?, dataset(test)?);

    let model = Speakers::build(&Cpu::seed_from_u64(1))?;
    let loss = SparseCategoricalCrossentropy::default();
    let mut trainer = Trainer::new(model, loss, Adam::new(0.005))?
        .metric(SparseCategoricalAccuracy)
        .distributed(rank);
    // A file on a disk that all machines see lets the job go on after a failure, on as many ranks as there are then.
    let checkpoint = std::env::args().nth(1);
    if let Some(path) = &checkpoint {
        trainer = trainer.callback(ModelCheckpoint::new(path));
        if std::path::Path::new(path).exists() {
            trainer.resume(path)?;
        }
    }
    let begin = Instant::now();
    trainer.fit(&train, &Fit { batch_size: 16, progress: first, ..Fit::epochs(15) })?;
    let measured = trainer.evaluate(&test, 370)?;
    if first {
        let seconds = begin.elapsed().as_secs_f64();
        println!(
            "{size} ranks: {seconds:.1} s, accuracy on the test utterances {:.3}",
            measured[1].1
        );
        assert!(measured[1].1 > 0.9);
    }
    Ok(())
}

fn dataset(utterances: Vec<Utterance>) -> Result<Data, Error> {
    let (rows, speakers): (Vec<_>, Vec<_>) = utterances.into_iter().unzip();
    let padded = pad_sequences(&rows, [0.0; COEFFICIENTS], Side::Post, Side::Post);
    InMemory::new(padded, speakers)
}
