//! Data: from ordinary Rust values to batches.
//!
//! [`Samples`] are many values of one kind, such as a `Vec<[usize; 10]>` of token ids or a
//! `Vec<[[f32; 8]; 5]>` of features; their type says which signal a batch of them is. An [`InMemory`]
//! dataset pairs them with targets, and weights if there are any.
//!
//! What does not fit in memory is read as it is needed: rows of a [`NpyFile`], samples of an iterator, a channel or files
//! by a [`Stream`], whole batches by a [`BatchStream`]; a thread can read ahead. All that `fit` asks of data is the trait
//! [`Dataset`].
//!
//! Text becomes ids by a [`Vocabulary`], and ids become rows of zeros and a one by [`one_hot`].

mod adapt;
mod class_weight;
mod elsewhere;
mod in_memory;
mod lends;
mod npy_file;
mod one_hot;
mod order;
mod padding;
mod samples;
mod split;
mod splitter;
mod stream;
mod text;
mod texts;
mod vocabulary;

pub use adapt::Adapts;
pub use class_weight::ClassTargets;
#[doc(hidden)]
pub use elsewhere::{MakesBatches, NotOfDatasets};
pub use in_memory::InMemory;
pub use lends::{Lends, Reference};
pub use npy_file::NpyFile;
pub use one_hot::{from_one_hot, from_one_hot_padded, one_hot, one_hot_padded};
pub use order::Order;
pub(crate) use order::mixed;
pub use padding::{Padded, Ragged, Side, pad_sequences, try_pad_sequences};
pub use samples::{Classes, Entry, Nested, Sample, Samples};
pub use splitter::{Split, Splitter};
pub use stream::{BatchStream, BatchesOf, Buckets, Example, Stream};
pub use text::{
    CategoryEncoding, Learned, OutputMode, Preprocessing, SaveWith, Standardize, StringLookup,
    TextSplit, TextVectorization,
};
pub use texts::Texts;
pub use vocabulary::{Vocabulary, VocabularyBuilder};

use dfdx::tensor::NoneTape;

use crate::{
    backend::{Backend, Element},
    error::Error,
    reduce::SampleWeights,
    signal::Signal,
};

/// A part of a dataset: inputs, targets and weights of some samples.
#[derive(Debug)]
pub struct Batch<X: Signal, Y: Signal, W, E: Element, D: Backend<E>> {
    /// The inputs.
    pub input: X::Data<E, D, NoneTape>,
    /// The targets.
    pub target: Y::Data<E, D, NoneTape>,
    /// The weights.
    pub weights: W,
    /// How many samples there are.
    pub size: usize,
}

/// Samples to learn from or to be judged by. Implement it to stream your own.
///
/// ```
/// use kerata::{*, prelude::*, data::{self, Dataset, Order}, loss::MeanSquaredError,
///     model::Sequential, optim::Sgd, reduce::Unweighted, train::{Fit, Trainer}};
///
/// /// `y = 2 * x`, made up as it is asked for.
/// struct Doubles;
///
/// impl Dataset for Doubles {
///     type Input = (Batch, Const<1>);
///     type Target = (Batch, Const<1>);
///     type Weights = Unweighted;
///
///     fn samples(&self) -> Option<usize> {
///         None
///     }
///
///     fn batches<E: Element, D: Backend<E>>(
///         &self,
///         order: Order,
///         dev: &D,
///     ) -> impl Iterator<Item = Result<data::Batch<Self::Input, Self::Target, Unweighted, E, D>, Error>> {
///         (0..50).map(move |i| {
///             let x: Vec<f64> = (0..order.batch_size).map(|j| ((i + j) % 7) as f64 / 7.0).collect();
///             let of = |factor| x.iter().map(|x| E::of(factor * x)).collect::<Vec<E>>();
///             Ok(data::Batch {
///                 input: dev.tensor_from_vec(of(1.0), (x.len(), Const)),
///                 target: dev.tensor_from_vec(of(2.0), (x.len(), Const)),
///                 weights: Unweighted,
///                 size: x.len(),
///             })
///         })
///     }
/// }
///
/// let model = Sequential::<(Batch, Const<1>), (Dense<1, 1>,)>::build(&Cpu::seed_from_u64(0))?;
/// let mut trainer = Trainer::new(model, MeanSquaredError, Sgd::new(0.3))?;
/// let history = trainer.fit(&Doubles, &Fit::epochs(10))?;
/// assert!(history.last("loss").unwrap() < 1e-4);
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no dataset",
    label = "no dataset; out of a `Result`, `?` takes one",
    note = "`InMemory::new(inputs, targets)?` makes one of samples; what does not fit in memory implements `data::Dataset`"
)]
pub trait Dataset {
    /// The signal that goes into the model.
    type Input: Signal;
    /// The signal that its output is compared with.
    type Target: Signal;
    /// The weights of the samples; [`Unweighted`](crate::reduce::Unweighted) if there are none.
    type Weights: SampleWeights;

    /// How many samples there are, if that is known; for the progress bar.
    fn samples(&self) -> Option<usize>;

    /// The weights of all samples, if they are at hand before the first batch: then they are checked when a training begins.
    fn known_weights(&self) -> Option<&Self::Weights> {
        None
    }

    /// How many batches of this size all samples make, if the epochs of [`Order::steps`] batches go on where the one before ended, until all
    /// samples were seen: as arrays do in Keras. Such epochs of one pass over the data have one seed, and those behind the first are asked for by
    /// [`batches_from`](Dataset::batches_from). `None`, the default, says that each epoch is asked for anew.
    fn batches_of_all(&self, _batch_size: usize) -> Option<usize> {
        None
    }

    /// The batches of one epoch from one of them on, for a training that is resumed. A dataset that can do without the
    /// batches before it overrides this.
    fn batches_from<E: Element, D: Backend<E>>(
        &self,
        order: Order,
        dev: &D,
        first: usize,
    ) -> impl Iterator<Item = Result<Batch<Self::Input, Self::Target, Self::Weights, E, D>, Error>>
    {
        self.batches::<E, D>(order, dev).skip(first)
    }

    /// The batches of one epoch, made as they are asked for. The same order gives the same batches, if a training is to
    /// be resumed in the middle of an epoch.
    fn batches<E: Element, D: Backend<E>>(
        &self,
        order: Order,
        dev: &D,
    ) -> impl Iterator<Item = Result<Batch<Self::Input, Self::Target, Self::Weights, E, D>, Error>>;
}
