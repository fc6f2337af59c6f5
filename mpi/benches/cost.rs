//! What a step costs on several ranks: `mpirun -n 2 target/release/deps/cost-.. --threads 1 W1 W4`, and without `mpirun`, for
//! comparison, one process that is no rank. With `--accumulate 8` the optimizer gathers the gradients of 8 steps, and the times are a step's
//! part of all eight. With `--overlap 1` the sum of a step runs beside the computing of the next one, which learns of it a step too late: no
//! overlap with the pass back alone can win more.
//!
//! Prints the median and the quickest of the steps, how many sums a step makes, how many bytes these have, and how long the largest takes: as
//! long as the last rank that comes to it waits for it, as the others wait for that one, and not for the sum. And
//! first of all, how long a sum of one value takes.

#[path = "../../benches/models/mod.rs"]
mod models;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
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

/// The bytes of each sum, and how long it took, in milliseconds.
type Sums = Arc<Mutex<Vec<(usize, f64)>>>;

/// Sums of gradients that are awaited a step later.
#[derive(Default)]
struct Overlapped {
    /// Whether the weights of rank 0 have come to all, which is the first large sum.
    begun: AtomicBool,
    pending: Mutex<Option<JoinHandle<Result<Vec<f32>, Error>>>>,
}

impl Overlapped {
    /// What the sum under way gives, if there is one.
    fn awaited(&self) -> Result<Option<Vec<f32>>, Error> {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner).take();
        let sums = pending.map(JoinHandle::join).transpose();
        sums.map_err(|_| Error::Device("a sum has panicked".into()))?.transpose()
    }
}

impl Drop for Overlapped {
    fn drop(&mut self) {
        drop(self.awaited());
    }
}

/// More values than a sum has that is none of gradients.
const LARGE: usize = 10_000;
/// How many values each rank tells behind the gradients.
const TOLD: usize = 3 * 8;

/// Notes what a rank sends. Several trainers use the rank, one after the other.
struct Noting {
    comm: Arc<MpiRank>,
    sums: Sums,
    overlapped: Option<Overlapped>,
}

impl Noting {
    fn note(&self, bytes: usize, sum: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        let begin = Instant::now();
        sum()?;
        let took = begin.elapsed().as_secs_f64() * 1e3;
        self.sums.lock().unwrap_or_else(PoisonError::into_inner).push((bytes, took));
        Ok(())
    }

    /// Begins a sum, and gives that of the step before.
    fn sum_later(&self, sums: &Overlapped, values: &mut [f32]) -> Result<(), Error> {
        let before = sums.awaited()?;
        let (gradients, told) = values.split_at_mut(values.len() - TOLD * self.size());
        // Which step it is has to be that of this one.
        self.comm.sum(told)?;
        let (comm, mut own) = (Arc::clone(&self.comm), gradients.to_vec());
        let sum = thread::spawn(move || comm.sum(&mut own).map(|()| own));
        *sums.pending.lock().unwrap_or_else(PoisonError::into_inner) = Some(sum);
        if let Some(before) = before {
            gradients.copy_from_slice(&before);
        }
        Ok(())
    }
}

impl Communicator for Noting {
    fn rank(&self) -> usize {
        self.comm.rank()
    }

    fn size(&self) -> usize {
        self.comm.size()
    }

    fn sum(&self, values: &mut [f32]) -> Result<(), Error> {
        let is_large = values.len() > LARGE;
        self.note(size_of_val(values), || match &self.overlapped {
            Some(sums) if is_large && sums.begun.swap(true, Ordering::Relaxed) => {
                self.sum_later(sums, values)
            }
            _ => self.comm.sum(values),
        })
    }

    fn sum_f64(&self, values: &mut [f64]) -> Result<(), Error> {
        self.note(size_of_val(values), || self.comm.sum_f64(values))
    }
}

fn main() -> Result<(), Error> {
    // Cargo hands `--bench` on.
    let mut asked: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let mut option = |name: &str| {
        let at = asked.iter().position(|a| a == name)?;
        let number = asked.get(at + 1).and_then(|n| n.parse().ok());
        asked.drain(at..(at + 2).min(asked.len()));
        Some(number.unwrap_or(1))
    };
    if let Some(threads) = option("--threads") {
        set_threads(threads)?;
    }
    let every = option("--accumulate");
    let overlaps = option("--overlap").is_some();
    if asked.is_empty() {
        asked = vec!["W1".into(), "W4".into()];
    }
    if std::env::var_os("OMPI_COMM_WORLD_SIZE").is_none() {
        return asked.iter().try_for_each(|workload| {
            println!("{workload}, one process: {}", shown(measure(workload, every, None)?));
            Ok(())
        });
    }
    Mpi::new().run(|rank| {
        let (first, size) = (rank.rank() == 0, rank.size());
        let comm = Arc::new(rank);
        let times = small(&comm)?;
        if first {
            println!("a sum of one value, {size} ranks: {}", shown(times));
        }
        for workload in &asked {
            let sums = Sums::default();
            let overlapped = overlaps.then(Overlapped::default);
            let noting = Noting { comm: comm.clone(), sums: Arc::clone(&sums), overlapped };
            let times = measure(workload, every, Some(noting))?;
            let sums = std::mem::take(&mut *sums.lock().unwrap_or_else(PoisonError::into_inner));
            let largest = of_last(&comm, &sums)?;
            if first {
                // What comes once in a training is shared out among the steps.
                let each = |all: usize| all as f64 / STEPS as f64;
                println!(
                    "{workload}, {size} ranks: {}; {:.1} sums and {:.0} bytes a step, the largest {}",
                    shown(times),
                    each(sums.len()),
                    each(sums.iter().map(|(bytes, _)| bytes).sum()),
                    shown(largest),
                );
            }
        }
        Ok(())
    })
}

/// How long a sum of one value takes.
fn small(comm: &MpiRank) -> Result<Vec<f64>, Error> {
    let mut times = Vec::new();
    for _ in 0..1000 {
        let begin = Instant::now();
        comm.sum_f64(&mut [1.0])?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

/// How long the last rank to come waited for each of the large sums.
fn of_last(comm: &MpiRank, sums: &[(usize, f64)]) -> Result<Vec<f64>, Error> {
    let most = sums.iter().map(|(bytes, _)| *bytes).max().unwrap_or(0);
    let own: Vec<f64> =
        sums.iter().filter(|(bytes, _)| *bytes * 2 > most).map(|(_, took)| *took).collect();
    let mut all = vec![0.0; own.len() * comm.size()];
    all[own.len() * comm.rank()..][..own.len()].copy_from_slice(&own);
    comm.sum_f64(&mut all)?;
    let quickest = |at: usize| all.iter().skip(at).step_by(own.len()).copied();
    Ok((0..own.len()).map(|at| quickest(at).fold(f64::INFINITY, f64::min)).collect())
}

/// The times of the steps, in milliseconds.
fn measure(workload: &str, every: Option<usize>, comm: Option<Noting>) -> Result<Vec<f64>, Error> {
    let begins = Arc::new(Mutex::new(Vec::new()));
    let dev = Cpu::seed_from_u64(0);
    macro_rules! train {
        ($model:ty, $batch_size:literal, $classes:literal, $sample:expr) => {{
            let labels: Vec<usize> = (0..$batch_size * STEPS).map(|i| i * 7 % $classes).collect();
            let samples: Vec<_> = (0..$batch_size * STEPS).map($sample).collect();
            let data = InMemory::new(samples, labels)?;
            let loss = SparseCategoricalCrossentropy::from_logits();
            let seen = begins.clone();
            let adam = Adam { gradient_accumulation_steps: every, ..Adam::new(1e-3) };
            let trainer = Trainer::new(<$model>::build(&dev)?, loss, adam)?;
            // Whatever is between the beginnings of two steps is a step.
            let mut trainer = trainer.augment(move |x, y, _| {
                if let Ok(mut begins) = seen.lock() {
                    begins.push(Instant::now());
                }
                Ok((x, y))
            });
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
    // Whole updates: of gathered gradients only every so manieth step sums them.
    let every = every.unwrap_or(1);
    let updates: Vec<Instant> = begins.into_iter().step_by(every).collect();
    let took = |pair: &[Instant]| (pair[1] - pair[0]).as_secs_f64() * 1e3 / every as f64;
    Ok(updates.windows(2).map(took).collect())
}

fn shown(mut times: Vec<f64>) -> String {
    times.sort_by(f64::total_cmp);
    let (median, quickest) = (times[times.len() / 2], times[0]);
    format!("median {median:.3} ms, quickest {quickest:.3} ms")
}
