//! What a step costs on several ranks: `mpirun -n 2 target/release/deps/cost-.. --threads 1 W1 W4`, and without `mpirun`, for
//! comparison, one process that is no rank.
//!
//! Prints the median and the quickest of the steps, how many sums a step makes, and how many bytes these have.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use kerata::{
    Batch, Conv2d, Cpu, Dense, Embedding, Error, Flatten, Ids, Lstm, MaskZero, MaxPool2d, Relu,
    Sequences,
    backend::set_threads,
    data::InMemory,
    distributed::Communicator,
    loss::SparseCategoricalCrossentropy,
    model,
    optim::Adam,
    prelude::*,
    train::{Fit, Trainer},
};
use kerata_mpi::Mpi;

const STEPS: usize = 40;

/// W1: sentences of 100 words, 32 a batch.
#[model(input = Ids<(Batch, 100)>, output = (Batch, 2))]
struct Sentiment {
    embed: Embedding<10_000, 128, MaskZero>,
    lstm1: Lstm<_, 128, Sequences>,
    lstm2: Lstm<_, 128>,
    head: Dense<_, 2>,
}

/// W4: pictures of 28 x 28, 64 a batch.
#[model(input = (Batch, 28, 28, 1), output = (Batch, 10))]
struct Digits {
    conv1: Conv2d<_, 32, 3, 3, Relu>,
    conv2: Conv2d<_, 64, 3, 3, Relu>,
    pool: MaxPool2d<2>,
    flatten: Flatten<_>,
    dense: Dense<_, 128, Relu>,
    head: Dense<_, 10>,
}

/// Counts what a rank sends.
struct Counting<C> {
    comm: C,
    sums: Arc<AtomicUsize>,
    bytes: Arc<AtomicUsize>,
}

impl<C: Communicator> Communicator for Counting<C> {
    fn rank(&self) -> usize {
        self.comm.rank()
    }

    fn size(&self) -> usize {
        self.comm.size()
    }

    fn sum(&self, values: &mut [f32]) -> Result<(), Error> {
        self.sums.fetch_add(1, Relaxed);
        self.bytes.fetch_add(size_of_val(values), Relaxed);
        self.comm.sum(values)
    }

    fn sum_f64(&self, values: &mut [f64]) -> Result<(), Error> {
        self.sums.fetch_add(1, Relaxed);
        self.bytes.fetch_add(size_of_val(values), Relaxed);
        self.comm.sum_f64(values)
    }
}

fn main() -> Result<(), Error> {
    // Cargo hands `--bench` on.
    let mut asked: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let Some(at) = asked.iter().position(|a| a == "--threads") {
        set_threads(asked.get(at + 1).and_then(|n| n.parse().ok()).unwrap_or(1))?;
        asked.drain(at..(at + 2).min(asked.len()));
    }
    if asked.is_empty() {
        asked = vec!["W1".into(), "W4".into()];
    }
    if std::env::var_os("OMPI_COMM_WORLD_SIZE").is_none() {
        return asked.iter().try_for_each(|workload| {
            println!("{workload}, one process: {}", shown(measure(workload, None::<Alone>)?));
            Ok(())
        });
    }
    Mpi::new().run(|rank| {
        let (sums, bytes) = (Arc::default(), Arc::default());
        let (first, size) = (rank.rank() == 0, rank.size());
        let comm = Arc::new(rank);
        for workload in &asked {
            let counting = Counting {
                comm: Shared(comm.clone()),
                sums: Arc::clone(&sums),
                bytes: Arc::clone(&bytes),
            };
            sums.store(0, Relaxed);
            bytes.store(0, Relaxed);
            let times = measure(workload, Some(counting))?;
            if first {
                // What comes once in a training is shared out among the steps.
                let each = |count: &AtomicUsize| count.load(Relaxed) as f64 / STEPS as f64;
                println!(
                    "{workload}, {size} ranks: {}; {:.1} sums and {:.0} bytes a step",
                    shown(times),
                    each(&sums),
                    each(&bytes),
                );
            }
        }
        Ok(())
    })
}

/// A rank that several trainers use, one after the other.
struct Shared<C>(Arc<C>);

impl<C: Communicator> Communicator for Shared<C> {
    fn rank(&self) -> usize {
        self.0.rank()
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn sum(&self, values: &mut [f32]) -> Result<(), Error> {
        self.0.sum(values)
    }

    fn sum_f64(&self, values: &mut [f64]) -> Result<(), Error> {
        self.0.sum_f64(values)
    }
}

/// No rank at all.
type Alone = Shared<kerata_mpi::MpiRank>;

/// The times of the steps, in milliseconds.
fn measure(workload: &str, comm: Option<impl Communicator>) -> Result<Vec<f64>, Error> {
    let dev = Cpu::seed_from_u64(0);
    let loss = SparseCategoricalCrossentropy::from_logits();
    let begins = Arc::new(Mutex::new(Vec::new()));
    let seen = begins.clone();
    // Whatever is between the beginnings of two steps is a step.
    let note = move || seen.lock().map_or((), |mut begins| begins.push(Instant::now()));
    match workload {
        "W1" => {
            let text = |i: usize| (0..100).map(|j| 1 + (i * 97 + j * 31) % 9_999).collect();
            let texts: Vec<Vec<usize>> = (0..32 * STEPS).map(text).collect();
            let labels: Vec<usize> = (0..32 * STEPS).map(|i| i * 7 % 2).collect();
            let mut trainer = Trainer::new(Sentiment::build(&dev)?, loss, Adam::new(1e-3))?
                .augment(move |x, y, _| {
                    note();
                    Ok((x, y))
                });
            if let Some(comm) = comm {
                trainer = trainer.distributed(comm);
            }
            let fit = Fit { batch_size: 32, progress: false, ..Fit::epochs(1) };
            trainer.fit(&InMemory::new(texts, labels)?, &fit)?;
        }
        "W4" => {
            let picture = |i: usize| -> Vec<Vec<Vec<f32>>> {
                let pixel = |at: usize| vec![((i * 131 + at * 17) % 97) as f32 / 97.0];
                (0..28).map(|y| (0..28).map(|x| pixel(y * 28 + x)).collect()).collect()
            };
            let pictures: Vec<_> = (0..64 * STEPS).map(picture).collect();
            let labels: Vec<usize> = (0..64 * STEPS).map(|i| i * 7 % 10).collect();
            let mut trainer = Trainer::new(Digits::build(&dev)?, loss, Adam::new(1e-3))?.augment(
                move |x, y, _| {
                    note();
                    Ok((x, y))
                },
            );
            if let Some(comm) = comm {
                trainer = trainer.distributed(comm);
            }
            let fit = Fit { batch_size: 64, progress: false, ..Fit::epochs(1) };
            trainer.fit(&InMemory::new(pictures, labels)?, &fit)?;
        }
        other => {
            let known = vec!["W1".into(), "W4".into()];
            return Err(Error::Unknown { what: "the workload", name: other.into(), known });
        }
    }
    let begins = begins.lock().map_or(Vec::new(), |begins| begins.clone());
    Ok(begins.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64() * 1e3).collect())
}

fn shown(mut times: Vec<f64>) -> String {
    times.sort_by(f64::total_cmp);
    let (median, quickest) = (times[times.len() / 2], times[0]);
    format!("median {median:.2} ms, quickest {quickest:.2} ms")
}
