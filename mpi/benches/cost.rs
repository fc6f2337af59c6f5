//! What a step costs on several ranks: `mpirun -n 2 target/release/deps/cost-.. --threads 1 W1 W4`, and without `mpirun`, for
//! comparison, one process that is no rank.
//!
//! Prints the median and the quickest of the steps, how many sums a step makes, and how many bytes these have.

#[path = "../../benches/models/mod.rs"]
mod models;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use kerata::{
    Cpu, Error,
    backend::set_threads,
    data::InMemory,
    distributed::Communicator,
    loss::SparseCategoricalCrossentropy,
    optim::Adam,
    prelude::*,
    train::{Fit, Trainer},
};
use kerata_mpi::{Mpi, MpiRank};
use models::{Digits, Sentiment};

const STEPS: usize = 40;

/// Counts what a rank sends. Several trainers use the rank, one after the other.
struct Counting {
    comm: Arc<MpiRank>,
    sums: Arc<AtomicUsize>,
    bytes: Arc<AtomicUsize>,
}

impl Communicator for Counting {
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
            println!("{workload}, one process: {}", shown(measure(workload, None)?));
            Ok(())
        });
    }
    Mpi::new().run(|rank| {
        let (sums, bytes) = (Arc::default(), Arc::default());
        let (first, size) = (rank.rank() == 0, rank.size());
        let comm = Arc::new(rank);
        for workload in &asked {
            let counting =
                Counting { comm: comm.clone(), sums: Arc::clone(&sums), bytes: Arc::clone(&bytes) };
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

/// The times of the steps, in milliseconds.
fn measure(workload: &str, comm: Option<Counting>) -> Result<Vec<f64>, Error> {
    let begins = Arc::new(Mutex::new(Vec::new()));
    let dev = Cpu::seed_from_u64(0);
    macro_rules! train {
        ($model:ty, $batch_size:literal, $classes:literal, $sample:expr) => {{
            let labels: Vec<usize> = (0..$batch_size * STEPS).map(|i| i * 7 % $classes).collect();
            let samples: Vec<_> = (0..$batch_size * STEPS).map($sample).collect();
            let data = InMemory::new(samples, labels)?;
            let loss = SparseCategoricalCrossentropy::from_logits();
            let seen = begins.clone();
            let mut trainer = Trainer::new(<$model>::build(&dev)?, loss, Adam::new(1e-3))?.augment(
                // Whatever is between the beginnings of two steps is a step.
                move |x, y, _| {
                    if let Ok(mut begins) = seen.lock() {
                        begins.push(Instant::now());
                    }
                    Ok((x, y))
                },
            );
            if let Some(comm) = comm {
                trainer = trainer.distributed(comm);
            }
            let fit = Fit { batch_size: $batch_size, progress: false, ..Fit::epochs(1) };
            trainer.fit(&data, &fit)?;
        }};
    }
    match workload {
        "W1" => train!(Sentiment, 32, 2, |i| -> Vec<usize> {
            (0..100).map(|j| 1 + (i * 97 + j * 31) % 9_999).collect()
        }),
        "W4" => train!(Digits, 64, 10, |i| -> Vec<Vec<Vec<f32>>> {
            let pixel = |at: usize| vec![((i * 131 + at * 17) % 97) as f32 / 97.0];
            (0..28).map(|y| (0..28).map(|x| pixel(y * 28 + x)).collect()).collect()
        }),
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
