use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::{Batch, Dataset, Order, Samples};
use crate::{
    backend::{Backend, Element},
    error::Error,
    memory::collected,
    reduce::{SampleWeights, Unweighted},
};

/// A dataset in memory: inputs, targets and, if there are any, weights.
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

impl<X: Samples, Y: Samples> InMemory<X, Y> {
    /// Pairs inputs with targets.
    ///
    /// # Errors
    /// [`Error::Empty`] if there are none, [`Error::Mismatch`] if there are more of one than of the other, or
    /// of one of two inputs than of the other.
    pub fn new(inputs: X, targets: Y) -> Result<Self, Error> {
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
    /// Gives the samples weights, in place of those that they have. For a model of several outputs, a tuple has
    /// weights for each.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if there are not as many as samples.
    pub fn with_weights<V: SampleWeights>(self, weights: V) -> Result<InMemory<X, Y, V>, Error> {
        weights.check(self.len())?;
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
        let (mut rows, failed) = match self.rows() {
            Ok(rows) => (rows, None),
            Err(error) => (Vec::new(), Some(Err(error))),
        };
        if let Some(seed) = order.shuffle {
            rows.shuffle(&mut StdRng::seed_from_u64(seed));
        }
        let (size, dev) = (order.batch_size.max(1), dev.clone());
        let batches = (first..rows.len().div_ceil(size)).map(move |i| {
            let rows = &rows[i * size..rows.len().min((i + 1) * size)];
            Ok(Batch {
                input: self.inputs.batch(rows, &dev)?,
                target: self.targets.batch(rows, &dev)?,
                weights: self.weights.select(rows)?,
                size: rows.len(),
            })
        });
        failed.into_iter().chain(batches)
    }
}
