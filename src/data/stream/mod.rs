//! Data that is read while a model trains.

mod batcher;
mod batches;
mod buckets;
mod example;
mod once;
mod prefetch;

pub use batches::BatchStream;
pub use buckets::Buckets;
pub(super) use buckets::grouped;
pub use example::Example;

use std::sync::{Arc, Mutex, OnceLock, mpsc::Receiver};

use self::batcher::{Batcher, Examples};
use super::{Batch, Dataset, InMemory, Order, Samples, order::mixed};
use crate::{
    backend::{Backend, Element},
    error::Error,
};

/// The batches of an epoch, as they are read.
pub(super) type Batches<X, Y, W> =
    Box<dyn Iterator<Item = Result<InMemory<X, Y, W>, Error>> + Send>;

/// What a [`Stream`] becomes: its batches.
pub type BatchesOf<T> =
    BatchStream<<T as Example>::Inputs, <T as Example>::Targets, <T as Example>::Weights>;

type Open<T> = dyn Fn(&Order) -> Result<Examples<T>, Error> + Send + Sync;

/// Samples that are read one after another, as `(input, target)` or `(input, target, weight)`, and never are all in memory.
///
/// It makes batches of [`Fit::batch_size`](crate::train::Fit::batch_size) of them, and is a [`Dataset`]. The table in
/// [`BatchStream`] says what resuming does; an iterator of samples is as one of batches there.
///
/// ```
/// use kerata::{*, data::Stream, loss::MeanSquaredError, model::Sequential, optim::Sgd, prelude::*, train::{Fit, Trainer}};
/// use std::{fs::File, io::{BufRead, BufReader}};
///
/// let path = std::env::temp_dir().join(format!("kerata-doc-stream-{}.csv", std::process::id()));
/// std::fs::write(&path, (0..100).map(|i| format!("{},{}\n", i % 7, 2 * (i % 7))).collect::<String>()).unwrap();
///
/// let file = path.clone();
/// let data = Stream::new(move |_| {
///     let lines = BufReader::new(File::open(&file).map_err(Error::data)?).lines();
///     Ok(lines.map(|line| {
///         let line = line.map_err(Error::data)?;
///         let (x, y) = line.split_once(',').ok_or_else(|| Error::data(format!("no comma in `{line}`")))?;
///         Ok(([x.parse::<f32>().map_err(Error::data)?], [y.parse::<f32>().map_err(Error::data)?]))
///     }))
/// });
/// let model = Sequential::<(Batch, Const<1>), (Dense<1, 1>,)>::build(&Cpu::seed_from_u64(0))?;
/// let mut trainer = Trainer::new(model, MeanSquaredError, Sgd::new(0.02))?;
/// let history = trainer.fit(&data.shuffle(50, 1).prefetch(2), &Fit { batch_size: 10, ..Fit::epochs(20) })?;
/// assert!(history.last("loss").unwrap() < 1e-2);
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), Error>(())
/// ```
pub struct Stream<T: Example> {
    origin: Origin<T>,
    shuffle: Option<(usize, u64)>,
    buckets: Buckets,
    samples: Option<usize>,
    /// Made when it is first read: of what can be read once, it knows how far that is.
    batches: OnceLock<BatchesOf<T>>,
}

enum Origin<T> {
    Anew(Arc<Open<T>>),
    Once { examples: Mutex<Option<Examples<T>>>, skips: bool },
}

impl<T: Example> std::fmt::Debug for Stream<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { shuffle, buckets, samples, .. } = self;
        let mut shown = f.debug_struct("Stream");
        shown.field("shuffle", shuffle).field("buckets", buckets).field("samples", samples).finish()
    }
}

impl<T: Example> Stream<T> {
    /// Samples of what a function opens for each epoch, and for each validation.
    pub fn new<F, I>(open: F) -> Self
    where
        F: Fn(&Order) -> Result<I, Error> + Send + Sync + 'static,
        I: Iterator<Item = Result<T, Error>> + Send + 'static,
    {
        let open = move |order: &Order| Ok(Box::new(open(order)?) as Examples<T>);
        Self::of(Origin::Anew(Arc::new(open)))
    }

    /// The samples of one iterator, one epoch behind the other: set
    /// [`Fit::steps_per_epoch`](crate::train::Fit::steps_per_epoch), or the first epoch has them all.
    pub fn from_iterator<I>(examples: I) -> Self
    where
        I: IntoIterator<Item = Result<T, Error>>,
        I::IntoIter: Send + 'static,
    {
        Self::once(examples.into_iter(), true)
    }

    /// The samples that come through a channel, one epoch behind the other: set
    /// [`Fit::steps_per_epoch`](crate::train::Fit::steps_per_epoch), or the first epoch lasts until the channel is
    /// closed.
    pub fn from_channel(examples: Receiver<Result<T, Error>>) -> Self {
        Self::once(examples.into_iter(), false)
    }

    fn once(
        examples: impl Iterator<Item = Result<T, Error>> + Send + 'static,
        skips: bool,
    ) -> Self {
        let examples: Examples<T> = Box::new(examples);
        Self::of(Origin::Once { examples: Mutex::new(Some(examples)), skips })
    }

    fn of(origin: Origin<T>) -> Self {
        Self {
            origin,
            shuffle: None,
            buckets: Buckets::default(),
            samples: None,
            batches: OnceLock::new(),
        }
    }

    /// Says how many samples an epoch has, for the progress bar.
    #[must_use]
    pub fn with_samples(self, samples: usize) -> Self {
        Self { samples: Some(samples), batches: OnceLock::new(), ..self }
    }

    /// Draws each sample out of so many that wait: `tf.data`'s `shuffle`. What is opened anew is shuffled otherwise in each
    /// epoch, unless [`Fit::shuffle`](crate::train::Fit::shuffle) is off; the order follows from the seeds, so that a resumed
    /// training has it again.
    #[must_use]
    pub fn shuffle(self, buffer_size: usize, seed: u64) -> Self {
        Self { shuffle: Some((buffer_size, seed)), batches: OnceLock::new(), ..self }
    }

    /// Batches samples of similar length, so that they need little padding: `tf.data`'s `bucket_by_sequence_length`. The
    /// length of an example is the larger of input and target; see [`Sample::length`](super::Sample::length).
    ///
    /// ```
    /// use kerata::{Error, data::{Buckets, Padded, Stream}};
    ///
    /// let data = Stream::new(|_| Ok((1..100).map(|i| Ok((Padded(vec![i; i % 30]), i % 2)))));
    /// let data = data.bucket_by_length(Buckets::new(&[10, 20])?.batch_sizes(&[64, 32, 16])?);
    /// # let _ = data;
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn bucket_by_length(self, buckets: Buckets) -> Self {
        Self { buckets, batches: OnceLock::new(), ..self }
    }

    /// Two streams, for training and for validation: of every `1 / share` samples one is of the second. Both read all that
    /// is opened, and pass over what is of the other.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the share is not between 0 and 1, and for what can be read once only.
    ///
    /// ```
    /// use kerata::{Error, data::Stream};
    ///
    /// let data = Stream::new(|_| Ok((0..100).map(|i| Ok(([i as f32], i % 2)))));
    /// let (train, validation) = data.split(0.2)?;
    /// # let _ = (train, validation);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn split(self, share: f64) -> Result<(Self, Self), Error> {
        if !(share > 0.0 && share < 1.0) {
            let expected = "both parts must hold samples";
            return Err(Error::invalid("the share to split off", share, expected));
        }
        let Origin::Anew(open) = self.origin else {
            let expected = "only what is opened anew can be split, by `Stream::new`";
            return Err(Error::invalid("the stream", "one that can be read once", expected));
        };
        // Spread evenly: the number of samples need not be known.
        let of_second =
            move |i: usize| ((i + 1) as f64 * share).floor() > (i as f64 * share).floor();
        let part = |second: bool| {
            let open = open.clone();
            let open = move |order: &Order| {
                let examples = open(order)?.enumerate();
                let own = examples
                    .filter(move |(i, example)| example.is_err() || of_second(*i) == second);
                Ok(Box::new(own.map(|(_, example)| example)) as Examples<T>)
            };
            let samples =
                self.samples.map(|all| (0..all).filter(|i| of_second(*i) == second).count());
            let origin = Origin::Anew(Arc::new(open));
            Self {
                shuffle: self.shuffle,
                buckets: self.buckets.clone(),
                samples,
                ..Self::of(origin)
            }
        };
        Ok((part(false), part(true)))
    }

    /// The samples in batches, read on a thread: [`BatchStream::prefetch`].
    #[must_use]
    pub fn prefetch(self, batches: usize) -> BatchesOf<T> {
        self.batched().prefetch(batches)
    }

    /// The samples in batches.
    #[must_use]
    pub fn batched(self) -> BatchesOf<T> {
        self.in_batches().clone()
    }

    fn in_batches(&self) -> &BatchesOf<T> {
        self.batches.get_or_init(|| self.to_batches())
    }

    fn to_batches(&self) -> BatchesOf<T> {
        let (shuffle, buckets) = (self.shuffle, self.buckets.clone());
        let batches = match &self.origin {
            Origin::Anew(open) => {
                let open = open.clone();
                BatchStream::new(move |order| {
                    let shuffle = shuffle.zip(order.shuffle);
                    let shuffle = shuffle.map(|((size, seed), own)| (size, mixed(seed, own)));
                    let mut batcher = Batcher::new(open(order)?, shuffle, buckets.clone());
                    let size = order.batch_size;
                    Ok(std::iter::from_fn(move || {
                        batcher.next(size).map(|batch| T::together(batch?))
                    }))
                })
            }
            Origin::Once { examples, skips } => {
                // None if it was taken before; then there are no more.
                let taken = examples.lock().ok().and_then(|mut examples| examples.take());
                let taken = taken.unwrap_or_else(|| Box::new(std::iter::empty()));
                let mut batcher = Batcher::new(taken, shuffle, buckets);
                let next = move |order: &Order| {
                    batcher.next(order.batch_size).map(|batch| T::together(batch?))
                };
                BatchStream::once_by(next, *skips)
            }
        };
        batches.with_known_samples(self.samples)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Example> Dataset for Stream<T> {
    type Input = <T::Inputs as Samples>::Signal;
    type Target = <T::Targets as Samples>::Signal;
    type Weights = T::Weights;

    fn samples(&self) -> Option<usize> {
        self.samples
    }

    fn batches<E: Element, D: Backend<E>>(
        &self,
        order: Order,
        dev: &D,
    ) -> impl Iterator<Item = Result<Batch<Self::Input, Self::Target, T::Weights, E, D>, Error>>
    {
        self.in_batches().batches::<E, D>(order, dev)
    }

    fn batches_from<E: Element, D: Backend<E>>(
        &self,
        order: Order,
        dev: &D,
        first: usize,
    ) -> impl Iterator<Item = Result<Batch<Self::Input, Self::Target, T::Weights, E, D>, Error>>
    {
        self.in_batches().batches_from::<E, D>(order, dev, first)
    }
}
