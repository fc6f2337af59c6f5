use std::sync::{Arc, Mutex, mpsc::Receiver};

use rand::{SeedableRng, rngs::StdRng};

use super::{Batches, once::Once, prefetch::prefetched};
use crate::{
    backend::{Backend, Element},
    data::{Batch, Dataset, InMemory, Order, Samples, order::mixed},
    error::Error,
    reduce::{SampleWeights, Unweighted},
};

/// Opens the batches of an epoch, from one of them on.
type Open<X, Y, W> = dyn Fn(&Order, usize) -> Result<Batches<X, Y, W>, Error> + Send + Sync;

/// Batches that are read as they are asked for, each an [`InMemory`] of some samples: from an iterator, from a channel,
/// from files, or from a [`Stream`](super::Stream) of samples. It is a [`Dataset`], so `fit` takes it as it takes data in memory.
///
/// What a training that is resumed does with the batches before:
///
/// | made by | on resuming in the middle of an epoch |
/// | --- | --- |
/// | [`new`](BatchStream::new) | the epoch is opened anew, and the batches before are read and dropped |
/// | [`seekable`](BatchStream::seekable), and data in memory | reading begins with the batch |
/// | [`from_iterator`](BatchStream::from_iterator) | as many batches are dropped as the earlier process used in its call of `fit` |
/// | [`from_channel`](BatchStream::from_channel) | none is dropped: what comes is used |
///
/// An error of a source, or a panic on the thread of [`prefetch`](BatchStream::prefetch), ends `fit` with a typed error;
/// the model is as the last complete step left it.
///
/// ```
/// use kerata::{*, data::{BatchStream, InMemory}, loss::MeanSquaredError, model::Sequential, optim::Sgd, prelude::*,
///     train::{Fit, Trainer}};
///
/// // What a file of its own each epoch would hold; the errors of reading are items.
/// let data = BatchStream::new(|order| {
///     let scale = 1.0 / (1.0 + order.epoch as f32);
///     Ok((0..10).map(move |i| {
///         let x = scale * i as f32;
///         InMemory::new(vec![[x], [x + 0.5]], vec![[2.0 * x], [2.0 * x + 1.0]])
///     }))
/// });
/// let model = Sequential::<(Batch, Const<1>), (Dense<1, 1>,)>::build(&Cpu::seed_from_u64(0))?;
/// let mut trainer = Trainer::new(model, MeanSquaredError, Sgd::new(0.01))?;
/// let history = trainer.fit(&data.prefetch(2), &Fit::epochs(20))?;
/// let losses = history.get("loss").unwrap();
/// assert!(losses[19] < losses[0] / 10.0);
/// # Ok::<(), Error>(())
/// ```
pub struct BatchStream<X, Y, W = Unweighted> {
    open: Arc<Open<X, Y, W>>,
    samples: Option<usize>,
    ahead: usize,
}

impl<X, Y, W> Clone for BatchStream<X, Y, W> {
    fn clone(&self) -> Self {
        Self { open: self.open.clone(), ..*self }
    }
}

impl<X, Y, W> std::fmt::Debug for BatchStream<X, Y, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { samples, ahead, .. } = self;
        f.debug_struct("BatchStream").field("samples", samples).field("prefetch", ahead).finish()
    }
}

impl<X, Y, W> BatchStream<X, Y, W>
where
    X: Samples + Send + 'static,
    Y: Samples + Send + 'static,
    W: SampleWeights + Send + 'static,
{
    /// Batches of what a function opens for each epoch, and for each validation.
    ///
    /// It is told the [`Order`], and may honour it or not: how large a batch is and in which order they come is decided
    /// here. The same order must give the same batches if a training is to be resumed.
    pub fn new<F, I>(open: F) -> Self
    where
        F: Fn(&Order) -> Result<I, Error> + Send + Sync + 'static,
        I: Iterator<Item = Result<InMemory<X, Y, W>, Error>> + Send + 'static,
    {
        Self::opened(move |order, first| Ok(Box::new(Skip { inner: open(order)?, skip: first })))
    }

    /// Batches of what a function opens for each epoch, from the batch whose number it is told: what can go to any
    /// place without reading what is before.
    pub fn seekable<F, I>(open: F) -> Self
    where
        F: Fn(&Order, usize) -> Result<I, Error> + Send + Sync + 'static,
        I: Iterator<Item = Result<InMemory<X, Y, W>, Error>> + Send + 'static,
    {
        Self::opened(move |order, first| Ok(Box::new(open(order, first)?)))
    }

    /// The batches of one iterator, one epoch behind the other: set
    /// [`Fit::steps_per_epoch`](crate::train::Fit::steps_per_epoch), or the first epoch has them all.
    pub fn from_iterator<I>(batches: I) -> Self
    where
        I: IntoIterator<Item = Result<InMemory<X, Y, W>, Error>>,
        I::IntoIter: Send + 'static,
    {
        Self::once(batches.into_iter(), true)
    }

    /// The batches that come through a channel, one epoch behind the other: set
    /// [`Fit::steps_per_epoch`](crate::train::Fit::steps_per_epoch), or the first epoch lasts until the channel is
    /// closed.
    ///
    /// # Errors
    /// `fit` gives [`Error::DataEnded`] if the channel is closed before an epoch has its batches.
    ///
    /// ```
    /// use kerata::{Error, data::{BatchStream, InMemory}};
    /// use std::{sync::mpsc::sync_channel, thread};
    ///
    /// let (sender, receiver) = sync_channel(4);
    /// thread::spawn(move || {
    ///     // Until nobody receives any more.
    ///     for i in 0.. {
    ///         let batch = InMemory::new(vec![[i as f32]; 8], vec![[1.0_f32]; 8]);
    ///         if sender.send(batch).is_err() {
    ///             return;
    ///         }
    ///     }
    /// });
    /// let data = BatchStream::from_channel(receiver);
    /// # let _ = data;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn from_channel(batches: Receiver<Result<InMemory<X, Y, W>, Error>>) -> Self {
        Self::once(batches.into_iter(), false)
    }

    fn once(
        mut batches: impl Iterator<Item = Result<InMemory<X, Y, W>, Error>> + Send + 'static,
        skips: bool,
    ) -> Self {
        Self::once_by(move |_| batches.next(), skips)
    }

    /// Batches that a function reads, one epoch behind the other.
    pub(super) fn once_by(
        next: impl FnMut(&Order) -> Option<Result<InMemory<X, Y, W>, Error>> + Send + 'static,
        skips: bool,
    ) -> Self {
        let once = Arc::new(Mutex::new(Once::new(next, skips)));
        Self::opened(move |order, first| Ok(Box::new(Once::epoch(&once, order, first)?)))
    }

    pub(in crate::data) fn opened(
        open: impl Fn(&Order, usize) -> Result<Batches<X, Y, W>, Error> + Send + Sync + 'static,
    ) -> Self {
        Self { open: Arc::new(open), samples: None, ahead: 0 }
    }

    /// Says how many samples an epoch has, for the progress bar.
    #[must_use]
    pub fn with_samples(self, samples: usize) -> Self {
        Self { samples: Some(samples), ..self }
    }

    pub(in crate::data) fn with_known_samples(self, samples: Option<usize>) -> Self {
        Self { samples, ..self }
    }

    /// Reads batches on a thread while the model trains, so many before they are needed, but at most 4096; `0` reads them when
    /// they are: `tf.data`'s `prefetch`. The batches are the same.
    ///
    /// Of a channel or an iterator, those that were read ahead when a callback stops the training are lost.
    #[must_use]
    pub fn prefetch(self, batches: usize) -> Self {
        Self { ahead: batches, ..self }
    }

    /// Changes each batch as it is read, on the thread of [`prefetch`](BatchStream::prefetch) if there is one:
    /// augmentation, decoding, filtering of samples.
    ///
    /// The generator is seeded by the shuffle of the epoch and the number of the batch, so that a training that is resumed draws
    /// the same. Give the training data such a function, and not the validation data.
    ///
    /// ```
    /// use kerata::{Error, data::InMemory};
    /// use rand::Rng;
    ///
    /// let data = InMemory::new(vec![[1.0_f32, 2.0]; 8], vec![0_usize; 8])?;
    /// let noisy = data.stream().map(|batch, random| {
    ///     let mut noise = |row: &[f32; 2]| row.map(|x| x + random.gen_range(-0.1..0.1));
    ///     let inputs: Vec<_> = batch.inputs().iter().map(&mut noise).collect();
    ///     InMemory::new(inputs, batch.targets().clone())
    /// });
    /// # let _ = noisy;
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn map<F, X2, Y2, W2>(self, f: F) -> BatchStream<X2, Y2, W2>
    where
        F: Fn(InMemory<X, Y, W>, &mut StdRng) -> Result<InMemory<X2, Y2, W2>, Error>
            + Send
            + Sync
            + 'static,
        X2: Samples + Send + 'static,
        Y2: Samples + Send + 'static,
        W2: SampleWeights + Send + 'static,
    {
        let (open, f, ahead, samples) = (self.open, Arc::new(f), self.ahead, self.samples);
        let mapped = BatchStream::opened(move |order, first| {
            let (f, seed) = (f.clone(), mixed(order.shuffle.unwrap_or(0), order.epoch as u64));
            let batches = open(order, first)?.enumerate().map(move |(i, batch)| {
                let seed = mixed(seed, (first + i) as u64);
                f(batch?, &mut StdRng::seed_from_u64(seed))
            });
            Ok(Box::new(batches))
        });
        BatchStream { ahead, samples, ..mapped }
    }

    /// The batches of an epoch that are used, from one of them on.
    fn epoch(&self, order: Order, first: usize) -> Result<Batches<X, Y, W>, Error> {
        let open = self.open.clone();
        let open = move || {
            let batches = open(&order, first)?;
            let used = order.steps.map_or(usize::MAX, |steps| steps.saturating_sub(first));
            Ok(Box::new(batches.take(used)) as Batches<X, Y, W>)
        };
        if self.ahead == 0 { open() } else { prefetched(open, self.ahead) }
    }
}

/// Reads batches and drops them, but for their errors.
struct Skip<I> {
    inner: I,
    skip: usize,
}

impl<T, I: Iterator<Item = Result<T, Error>>> Iterator for Skip<I> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.skip > 0 {
            self.skip -= 1;
            if let Err(error) = self.inner.next()? {
                return Some(Err(error));
            }
        }
        self.inner.next()
    }
}

#[diagnostic::do_not_recommend]
impl<X, Y, W> Dataset for BatchStream<X, Y, W>
where
    X: Samples + Send + 'static,
    Y: Samples + Send + 'static,
    W: SampleWeights + Send + 'static,
{
    type Input = X::Signal;
    type Target = Y::Signal;
    type Weights = W;

    fn samples(&self) -> Option<usize> {
        self.samples
    }

    fn batches<E: Element, D: Backend<E>>(
        &self,
        order: Order,
        dev: &D,
    ) -> impl Iterator<Item = Result<Batch<X::Signal, Y::Signal, W, E, D>, Error>> {
        self.batches_from(order, dev, 0)
    }

    fn batches_from<E: Element, D: Backend<E>>(
        &self,
        order: Order,
        dev: &D,
        first: usize,
    ) -> impl Iterator<Item = Result<Batch<X::Signal, Y::Signal, W, E, D>, Error>> {
        let dev = dev.clone();
        let batches = self.epoch(order, first);
        let batches = batches.unwrap_or_else(|error| Box::new(std::iter::once(Err(error))));
        batches.map(move |batch| {
            let batch = batch?;
            batch.batch_of(&batch.rows()?, &dev)
        })
    }
}
