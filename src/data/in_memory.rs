use std::sync::Arc;

use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::{Batch, BatchStream, Buckets, Dataset, Order, Samples, stream::grouped};
use crate::{
    backend::{Backend, Element},
    error::Error,
    memory::collected,
    reduce::{MultiplyWeights, SampleWeights, Unweighted},
};

/// A dataset in memory: inputs, targets and, if there are any, weights.
///
/// Inputs and targets may be in a [`NpyFile`](super::NpyFile), which is as large as the disk: then rows are read as they are needed.
///
/// ```
/// use kerata::{data::InMemory, reduce::PerSample};
///
/// let words = vec![[3, 1, 0], [2, 2, 1], [1, 0, 0], [2, 0, 0]];
/// let labels = vec![0, 1, 0, 1];
/// let data = InMemory::new(words, labels)?;
/// let (train, validation) = data.split(0.25)?;
/// assert_eq!((train.len(), validation.len()), (3, 1));
/// let weighted = train.with_weights(PerSample(vec![1.0, 2.0, 1.0]))?;
/// assert_eq!(weighted.len(), 3);
/// # Ok::<(), kerata::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct InMemory<X, Y, W = Unweighted> {
    inputs: X,
    targets: Y,
    weights: W,
}

impl<X, Y> InMemory<X, Y> {
    /// Pairs inputs with targets.
    ///
    /// # Errors
    /// [`Error::Empty`] if there are none, [`Error::Mismatch`] if there are more of one than of the other, or
    /// of one of two inputs than of the other.
    #[rustfmt::skip] // In one line, of which the compiler shows no more.
    pub fn new(inputs: X, targets: Y) -> Result<Self, Error> where X: Samples, Y: Samples {
        inputs.check()?;
        targets.check()?;
        if inputs.count() != targets.count() {
            let (expected, found) = (inputs.count(), targets.count());
            return Err(Error::mismatch("the number of targets", expected, found));
        }
        if inputs.count() == 0 {
            return Err(Error::Empty("the dataset"));
        }
        Ok(Self { inputs, targets, weights: Unweighted })
    }
}

impl<X: Samples, Y: Samples, W: SampleWeights> InMemory<X, Y, W> {
    /// Gives the samples weights. If they have some already, of their [classes](InMemory::with_class_weight) or by an earlier call, both are multiplied.
    /// For a model of several outputs, a tuple has weights for each.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if there are not as many as samples; [`Error::NonFinite`] for a weight of a sample that is no number. One of a step
    /// may be in the padding: whether it is, is checked in training.
    ///
    /// ```
    /// use kerata::{data::InMemory, reduce::{PerSample, PerStep, SampleWeights}};
    ///
    /// let data = InMemory::new(vec![[1, 2], [3, 4]], vec![[0, 1], [1, 1]])?;
    /// let steps = PerStep::from(vec![[1.0, 2.0], [1.0, 0.0]]);
    /// let data = data.with_weights(PerSample(vec![1.0, 0.5]))?.with_weights(steps)?;
    /// assert_eq!(data.weights().expand(&[2, 2])?, Some(vec![1.0, 2.0, 0.5, 0.0]));
    /// # Ok::<(), kerata::Error>(())
    /// ```
    pub fn with_weights<V: SampleWeights>(
        self,
        weights: V,
    ) -> Result<InMemory<X, Y, W::Product>, Error>
    where
        W: MultiplyWeights<V>,
    {
        weights.check(self.len())?;
        let weights = self.weights.times(weights);
        Ok(InMemory { inputs: self.inputs, targets: self.targets, weights })
    }

    /// How many samples there are; at least one.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.inputs.count()
    }

    /// The inputs.
    pub fn inputs(&self) -> &X {
        &self.inputs
    }

    /// The targets.
    pub fn targets(&self) -> &Y {
        &self.targets
    }

    /// The weights.
    pub fn weights(&self) -> &W {
        &self.weights
    }

    pub(super) fn select(
        &self,
        rows: &[usize],
    ) -> Result<InMemory<X::Selected, Y::Selected, W>, Error> {
        Ok(InMemory {
            inputs: self.inputs.select(rows)?,
            targets: self.targets.select(rows)?,
            weights: self.weights.select(rows)?,
        })
    }

    /// The numbers of all samples in the order of an epoch.
    fn ordered(&self, order: &Order) -> Result<Vec<usize>, Error> {
        let mut rows = self.rows()?;
        if let Some(seed) = order.shuffle {
            rows.shuffle(&mut StdRng::seed_from_u64(seed));
        }
        Ok(rows)
    }

    /// A batch of the samples at the given places.
    pub(super) fn batch_of<E: Element, D: Backend<E>>(
        &self,
        rows: &[usize],
        dev: &D,
    ) -> Result<Batch<X::Signal, Y::Signal, W, E, D>, Error> {
        Ok(Batch {
            input: self.inputs.batch(rows, dev)?,
            target: self.targets.target_batch(rows, dev)?,
            weights: self.weights.select(rows)?,
            size: rows.len(),
        })
    }

    /// The numbers of all samples.
    pub(super) fn rows(&self) -> Result<Vec<usize>, Error> {
        collected(&[self.len()], 0..self.len())
    }
}

#[diagnostic::do_not_recommend]
impl<X: Samples, Y: Samples, W: SampleWeights> Dataset for InMemory<X, Y, W> {
    type Input = X::Signal;
    type Target = Y::Signal;
    type Weights = W;

    fn samples(&self) -> Option<usize> {
        Some(self.len())
    }

    fn known_weights(&self) -> Option<&W> {
        Some(&self.weights)
    }

    fn batches_of_all(&self, batch_size: usize) -> Option<usize> {
        Some(self.len().div_ceil(batch_size.max(1)))
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
        let (rows, failed) = match self.ordered(&order) {
            Ok(rows) => (rows, None),
            Err(error) => (Vec::new(), Some(Err(error))),
        };
        let (size, dev) = (order.batch_size.max(1), dev.clone());
        let batches = (first..rows.len().div_ceil(size))
            .map(move |i| self.batch_of(&rows[i * size..rows.len().min((i + 1) * size)], &dev));
        failed.into_iter().chain(batches)
    }
}

impl<X, Y, W> InMemory<X, Y, W>
where
    X: Samples<Selected: Send + 'static> + Send + Sync + 'static,
    Y: Samples<Selected: Send + 'static> + Send + Sync + 'static,
    W: SampleWeights + Send + Sync + 'static,
{
    /// The same batches as a stream, which can read them on a thread and change them: see
    /// [`prefetch`](BatchStream::prefetch) and [`map`](BatchStream::map). A training that is resumed reads no batch that it
    /// does not use. With [`Fit::steps_per_epoch`](crate::train::Fit::steps_per_epoch) each epoch begins anew.
    pub fn stream(self) -> BatchStream<X::Selected, Y::Selected, W> {
        self.streamed(|_, rows, order| {
            Ok(rows.chunks(order.batch_size.max(1)).map(<[usize]>::to_vec).collect())
        })
    }

    /// Batches samples of similar length, so that they need little padding: `tf.data`'s `bucket_by_sequence_length`. The
    /// length of a sample is the larger of input and target; see [`Samples::length`].
    ///
    /// In each epoch the samples come in their shuffled order, and a bucket that is full is a batch; those that are not full
    /// at the end come last.
    ///
    /// ```
    /// use kerata::{Error, data::{Buckets, InMemory, Ragged}};
    ///
    /// let texts = Ragged(vec![vec![1, 2], vec![3; 50], vec![4], vec![5; 60]]);
    /// let data = InMemory::new(texts, vec![0, 1, 0, 1])?;
    /// // Short ones with short ones, long ones with long ones.
    /// let data = data.bucket_by_length(Buckets::new(&[10, 100])?);
    /// # let _ = data;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn bucket_by_length(self, buckets: Buckets) -> BatchStream<X::Selected, Y::Selected, W> {
        self.streamed(move |data, rows, order| {
            let length = |row| data.inputs.length(row).max(data.targets.length(row));
            grouped(&buckets, rows, length, order.batch_size)
        })
    }

    /// Batches of rows that a function chooses for each epoch.
    fn streamed(
        self,
        batches: impl Fn(&Self, &[usize], &Order) -> Result<Vec<Vec<usize>>, Error>
        + Send
        + Sync
        + 'static,
    ) -> BatchStream<X::Selected, Y::Selected, W> {
        let (count, data) = (self.len(), Arc::new(self));
        let stream = BatchStream::seekable(move |order, first| {
            let (data, rows) = (data.clone(), data.ordered(order)?);
            let batches = batches(&data, &rows, order)?.into_iter().skip(first);
            Ok(batches.map(move |rows| {
                let mut batch = data.select(&rows)?;
                batch.inputs.preload()?;
                batch.targets.preload()?;
                Ok(batch)
            }))
        });
        stream.with_samples(count)
    }
}
