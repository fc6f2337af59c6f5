use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::{Communicator, failed, panicked};
use crate::error::Error;

/// The stack of the thread of a rank: that of the main thread of a program, where models are tried first.
#[doc(hidden)]
pub const STACK: usize = 8 << 20;

/// Threads of one program as ranks.
///
/// Each thread builds its own model and data, or has a share in data that all see. The kernels of all of them share the threads of
/// the program, see [`set_threads`](crate::backend::set_threads).
///
/// ```
/// use kerata::{*, data::InMemory, distributed::Threads, loss::MeanSquaredError, model::Sequential, optim::Sgd,
///     prelude::*, train::{Fit, Trainer}};
///
/// let data = InMemory::new(vec![[0.0], [1.0], [2.0]], vec![[1.0], [3.0], [5.0]])?;
/// let histories = Threads::new(2).run(move |rank| {
///     let model = Sequential::<(Batch, Const<1>), (Dense<1, 1>,)>::build(&Cpu::seed_from_u64(0))?;
///     let mut trainer = Trainer::new(model, MeanSquaredError, Sgd::new(0.1))?.distributed(rank);
///     trainer.fit(&data, &Fit::epochs(200))
/// })?;
/// assert!(histories[0].last("loss").unwrap() < 1e-4);
/// assert_eq!(histories[0], histories[1]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Threads {
    size: usize,
    timeout: Duration,
}

impl Threads {
    /// So many ranks.
    pub fn new(size: usize) -> Self {
        Self { size, timeout: Duration::from_secs(600) }
    }

    /// How long the ranks wait for one of them, before they end with an error that names it. Default 10 minutes.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Runs the work on each rank, and gives the results in the order of the ranks.
    ///
    /// A rank that fails ends the others, as soon as they wait for it. One that hangs is left behind: what it runs on is a thread,
    /// which nothing can end.
    ///
    /// # Errors
    /// [`Error::Rank`] of the first rank that failed, panicked or was waited for in vain; [`Error::Invalid`] for no ranks;
    /// [`Error::Device`] if there is no thread to be had.
    ///
    /// ```
    /// use kerata::{Error, distributed::{Communicator, Threads}};
    ///
    /// let error = Threads::new(3).run(|rank| match rank.rank() {
    ///     2 => Err(Error::Empty("the disk")),
    ///     _ => rank.sum(&mut [1.0]),
    /// });
    /// assert_eq!(error.unwrap_err().to_string(), "rank 2 failed: the disk is empty");
    /// ```
    pub fn run<R, F>(&self, work: F) -> Result<Vec<R>, Error>
    where
        R: Send + 'static,
        F: Fn(ThreadRank) -> Result<R, Error> + Send + Sync + 'static,
    {
        if self.size == 0 {
            return Err(Error::invalid("the number of ranks", 0, "it must be at least 1"));
        }
        let state = Mutex::new(State::new(self.size));
        let meeting = Arc::new(Meeting { state, changed: Condvar::new(), timeout: self.timeout });
        let results: Vec<Option<R>> = (0..self.size).map(|_| None).collect();
        let (work, results) = (Arc::new(work), Arc::new(Mutex::new(results)));
        for rank in 0..self.size {
            let (meeting_of_rank, work, results) = (meeting.clone(), work.clone(), results.clone());
            let comm = ThreadRank { rank, size: self.size, meeting: meeting_of_rank.clone() };
            let run = move || {
                let meeting = meeting_of_rank;
                let result = catch_unwind(AssertUnwindSafe(|| work(comm)));
                let result = result.unwrap_or_else(|panic| Err(panicked(rank, &*panic)));
                let mut state = meeting.lock();
                match result {
                    Ok(result) => locked(&results)[rank] = Some(result),
                    Err(error) => state.fail(failed(rank, error)),
                }
                state.ended[rank] = true;
                drop(state);
                meeting.changed.notify_all();
            };
            let thread = thread::Builder::new().name(format!("rank {rank}")).stack_size(STACK);
            if let Err(error) = thread.spawn(run) {
                meeting.lock().fail(says(rank, format!("there is no thread for it: {error}")));
                meeting.changed.notify_all();
                return Err(Error::Device(error.to_string()));
            }
        }
        meeting.ended()?;
        let results = std::mem::take(&mut *locked(&results));
        Ok(results.into_iter().flatten().collect())
    }
}

fn says(rank: usize, message: impl Into<String>) -> Error {
    Error::Rank { rank, message: message.into() }
}

/// A rank of [`Threads`].
#[derive(Clone)]
pub struct ThreadRank {
    rank: usize,
    size: usize,
    meeting: Arc<Meeting>,
}

impl fmt::Debug for ThreadRank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {} of {}", self.rank, self.size)
    }
}

#[diagnostic::do_not_recommend]
impl Communicator for ThreadRank {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn sum(&self, values: &mut [f32]) -> Result<(), Error> {
        self.meeting.sum(self.rank, values, |state| &mut state.narrow, f64::from, |sum| sum as f32)
    }

    fn sum_f64(&self, values: &mut [f64]) -> Result<(), Error> {
        self.meeting.sum(self.rank, values, |state| &mut state.wide, |value| value, |sum| sum)
    }
}

/// Where the threads meet.
struct Meeting {
    state: Mutex<State>,
    changed: Condvar,
    timeout: Duration,
}

struct State {
    /// What has gone wrong first.
    failed: Option<Error>,
    /// Which ranks have ended.
    ended: Vec<bool>,
    narrow: Round<f32>,
    wide: Round<f64>,
}

/// One sum: what the ranks bring, then the chunk that each of them has summed, then who has taken all chunks.
struct Round<N> {
    parts: Vec<Option<Arc<Vec<N>>>>,
    sums: Vec<Option<Arc<Vec<N>>>>,
    taken: Vec<bool>,
}

impl<N> Round<N> {
    fn new(size: usize) -> Self {
        let none = || (0..size).map(|_| None).collect();
        Self { parts: none(), sums: none(), taken: vec![false; size] }
    }
}

impl State {
    fn new(size: usize) -> Self {
        let (narrow, wide) = (Round::new(size), Round::new(size));
        Self { failed: None, ended: vec![false; size], narrow, wide }
    }

    fn fail(&mut self, error: Error) {
        self.failed.get_or_insert(error);
    }
}

/// The values, also if a thread has panicked that had them.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn position<T>(all: &[Option<T>]) -> Option<usize> {
    all.iter().position(Option::is_none)
}

impl Meeting {
    fn lock(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// Waits as long as there is a rank that is waited for. What is complete is so for all, whatever has failed since.
    fn wait<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        mut missing: impl FnMut(&mut State) -> Option<usize>,
    ) -> Result<MutexGuard<'a, State>, Error> {
        let begin = Instant::now();
        loop {
            let Some(rank) = missing(&mut state) else { return Ok(state) };
            if let Some(error) = &state.failed {
                return Err(error.clone());
            }
            let left = self.timeout.saturating_sub(begin.elapsed());
            if state.ended[rank] {
                state.fail(says(rank, "it has ended, but others wait for it"));
            } else if left.is_zero() {
                let text = format!("it did not come within {:?} (the timeout)", self.timeout);
                state.fail(says(rank, text));
            } else {
                let waited = self.changed.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            self.changed.notify_all();
        }
    }

    /// Waits until all ranks have ended; after a failure, for the time of the timeout only.
    fn ended(&self) -> Result<(), Error> {
        let (mut state, mut failure) = (self.lock(), None);
        while state.ended.contains(&false) {
            if state.failed.is_none() {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let begin = *failure.get_or_insert_with(Instant::now);
            let left = self.timeout.saturating_sub(begin.elapsed());
            if left.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.failed.clone().map_or(Ok(()), Err)
    }

    fn sum<N: Copy>(
        &self,
        rank: usize,
        values: &mut [N],
        round: fn(&mut State) -> &mut Round<N>,
        wide: fn(N) -> f64,
        narrow: fn(f64) -> N,
    ) -> Result<(), Error> {
        let part = Arc::new(values.to_vec());
        // The round before may still be under way.
        let taken = |state: &mut State| {
            let round = round(state);
            round.parts[rank].as_ref().and_then(|_| round.taken.iter().position(|taken| !taken))
        };
        let mut state = self.wait(self.lock(), taken)?;
        round(&mut state).parts[rank] = Some(part);
        self.changed.notify_all();
        let mut state = self.wait(state, |state| position(&round(state).parts))?;
        let parts: Vec<_> = round(&mut state).parts.iter().flatten().cloned().collect();
        if let Some(other) = parts.iter().position(|part| part.len() != parts[0].len()) {
            let (found, expected) = (parts[other].len(), parts[0].len());
            let text = format!("it brings {found} values where rank 0 brings {expected}");
            state.fail(says(other, text));
            self.changed.notify_all();
            return state.failed.clone().map_or(Ok(()), Err);
        }
        drop(state);
        // Each rank sums a chunk, always in the order of the ranks.
        let size = parts.len();
        let chunk = values.len() * rank / size..values.len() * (rank + 1) / size;
        let mut sums = vec![0.0; chunk.len()];
        for part in &parts {
            let own = &part[chunk.clone()];
            sums.iter_mut().zip(own).for_each(|(sum, &value)| *sum += wide(value));
        }
        drop(parts);
        let sums = Arc::new(sums.into_iter().map(narrow).collect::<Vec<N>>());
        let mut state = self.lock();
        // All have the sums, or none: what is not complete by now stays so.
        if let Some(error) = &state.failed {
            return Err(error.clone());
        }
        round(&mut state).sums[rank] = Some(sums);
        self.changed.notify_all();
        let mut state = self.wait(state, |state| position(&round(state).sums))?;
        let of_all = round(&mut state);
        let chunks: Vec<_> = of_all.sums.iter().flatten().cloned().collect();
        of_all.taken[rank] = true;
        if !of_all.taken.contains(&false) {
            *of_all = Round::new(size);
        }
        drop(state);
        self.changed.notify_all();
        let mut places = values.iter_mut();
        for value in chunks.iter().flat_map(|chunk| chunk.iter()) {
            if let Some(place) = places.next() {
                *place = *value;
            }
        }
        Ok(())
    }
}
