use dfdx::tensor::NoneTape;

use super::{
    Entry, Nested, Sample, Samples,
    samples::{Dims, repeated, selected, shape_of},
};
use crate::{
    backend::{Backend, Element},
    error::Error,
    just_the_type::no_new,
    memory::{collected, elements, filled},
    signal::Signal,
};

/// At which end of a sequence something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// In front: Keras's `"pre"`.
    Pre,
    /// Behind: Keras's `"post"`.
    Post,
}

/// Brings rows of any length to the length `L`: short ones are filled with `value`, long ones cut.
///
/// `padding` is the side where values are put in, `truncating` the side where they are cut off. (Keras's
/// default is [`Side::Pre`] for both.)
///
/// Keras: [`pad_sequences`](https://keras.io/api/data_loading/timeseries/#padsequences-function).
///
/// ```
/// use kerata::data::{Side, pad_sequences};
///
/// let rows = [vec![1, 2], vec![3, 4, 5, 6]];
/// assert_eq!(pad_sequences::<3, _>(&rows, 0, Side::Post, Side::Post), [[1, 2, 0], [3, 4, 5]]);
/// assert_eq!(pad_sequences::<3, _>(&rows, 0, Side::Pre, Side::Pre), [[0, 1, 2], [4, 5, 6]]);
/// ```
///
/// # Panics
/// If there is no memory for the rows; [`try_pad_sequences`] gives an error then.
pub fn pad_sequences<const L: usize, T: Copy>(
    rows: &[Vec<T>],
    value: T,
    padding: Side,
    truncating: Side,
) -> Vec<[T; L]> {
    let padded = try_pad_sequences(rows, value, padding, truncating);
    padded.unwrap_or_else(|error| panic!("{error}"))
}

/// The same as [`pad_sequences`], however much memory it takes.
///
/// # Errors
/// [`Error::Device`] if there is no memory for the rows.
pub fn try_pad_sequences<const L: usize, T: Copy>(
    rows: &[Vec<T>],
    value: T,
    padding: Side,
    truncating: Side,
) -> Result<Vec<[T; L]>, Error> {
    let mut all: Vec<[T; L]> = repeated(&filled(&[L], value)?, rows.len())?;
    for (padded, row) in all.iter_mut().zip(rows) {
        let kept = match truncating {
            Side::Pre => &row[row.len().saturating_sub(L)..],
            Side::Post => &row[..row.len().min(L)],
        };
        match padding {
            Side::Pre => padded[L - kept.len()..].copy_from_slice(kept),
            Side::Post => padded[..kept.len()].copy_from_slice(kept),
        }
    }
    Ok(all)
}

/// Sequences of any length: of ids, `Ragged<usize>`, or of vectors, `Ragged<[f32; 8]>`. Each batch is padded behind
/// to its own longest sequence, so that short batches cost little.
///
/// Ids are padded with id 0, as `Ids<(Batch, Length)>`; a row of labels that has fewer than there are real steps is an error of training.
/// Vectors are padded with zeros, and come with their mask: a model
/// for them takes `Masked<(Batch, Length, 8)>`. A sequence of numbers, `Ragged<f32>`, is one of vectors of one.
///
/// ```
/// use kerata::{Cpu, data::{Ragged, Samples}, prelude::*};
///
/// let rows = Ragged(vec![vec![1_u8, 2], vec![3], vec![4, 5, 6]]);
/// let batch = rows.batch::<f32, _>(&[0, 1], &Cpu::default())?;
/// assert_eq!(batch.as_vec(), [1, 2, 3, 0]);
///
/// let walks = Ragged(vec![vec![[0.0_f32, 1.0]], vec![[1.0, 1.0], [2.0, 1.0]]]);
/// let batch = walks.batch::<f32, _>(&[0, 1], &Cpu::default())?;
/// assert_eq!(batch.values().as_vec(), [0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 2.0, 1.0]);
/// assert_eq!(batch.mask().lengths(), [1, 2]);
/// # Ok::<(), kerata::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ragged<S = usize>(pub Vec<Vec<S>>);

no_new!(Ragged<S>: "it is made by its name alone: `Ragged(rows)`");

/// One sequence of any length: a sample of a [`Stream`](super::Stream). A batch of such is what a batch of a [`Ragged`] is.
///
/// ```
/// use kerata::{Cpu, data::{Padded, Samples}, prelude::*};
///
/// let rows = vec![Padded(vec![1_u8, 2]), Padded(vec![3])];
/// assert_eq!(rows.batch::<f32, _>(&[0, 1], &Cpu::default())?.as_vec(), [1, 2, 3, 0]);
/// # Ok::<(), kerata::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Padded<S = usize>(pub Vec<S>);

/// The shape of a padded batch.
type PaddedShape<S> = <<S as Nested>::Alone as Dims>::Ragged;
/// The signal of a padded batch.
type PaddedSignal<S> = <<S as Nested>::Entry as Entry>::Padded<PaddedShape<S>>;

#[diagnostic::do_not_recommend]
impl<S: Nested + Clone> Samples for Ragged<S> {
    type Signal = PaddedSignal<S>;
    type Selected = Self;

    fn count(&self) -> usize {
        self.0.len()
    }

    fn check(&self) -> Result<(), Error> {
        step_sizes(self.0.iter().map(Vec::as_slice).enumerate()).map(drop)
    }

    fn batch<E: Element, D: Backend<E>>(
        &self,
        rows: &[usize],
        dev: &D,
    ) -> Result<<Self::Signal as Signal>::Data<E, D, NoneTape>, Error> {
        padded::<S, E, D>(self.sequences(rows), Default::default(), dev)
    }

    fn target_batch<E: Element, D: Backend<E>>(
        &self,
        rows: &[usize],
        dev: &D,
    ) -> Result<<Self::Signal as Signal>::Data<E, D, NoneTape>, Error> {
        padded::<S, E, D>(self.sequences(rows), S::Entry::missing::<E>(), dev)
    }

    fn select(&self, rows: &[usize]) -> Result<Self, Error> {
        let bytes = |row: &Vec<S>| size_of::<Vec<S>>() + S::bytes_of_all(row);
        selected(&self.0, rows, bytes).map(Self)
    }

    fn length(&self, row: usize) -> usize {
        self.0[row].len()
    }
}

#[diagnostic::do_not_recommend]
impl<S: Nested> Sample for Padded<S> {
    type Signal = PaddedSignal<S>;

    fn check_all<'a>(samples: impl Iterator<Item = &'a Self> + Clone) -> Result<(), Error>
    where
        Self: 'a,
    {
        step_sizes(samples.map(|sample| sample.0.as_slice()).enumerate()).map(drop)
    }

    fn length(&self) -> usize {
        self.0.len()
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + S::bytes_of_all(&self.0)
    }

    fn batch<E: Element, D: Backend<E>>(
        samples: &[&Self],
        indices: &[usize],
        dev: &D,
    ) -> Result<<Self::Signal as Signal>::Data<E, D, NoneTape>, Error> {
        padded::<S, E, D>(Self::sequences(samples, indices), Default::default(), dev)
    }

    fn target_batch<E: Element, D: Backend<E>>(
        samples: &[&Self],
        indices: &[usize],
        dev: &D,
    ) -> Result<<Self::Signal as Signal>::Data<E, D, NoneTape>, Error> {
        padded::<S, E, D>(Self::sequences(samples, indices), S::Entry::missing::<E>(), dev)
    }
}

impl<S> Ragged<S> {
    /// The sequences at these places, with the places.
    fn sequences<'a>(
        &'a self,
        rows: &'a [usize],
    ) -> impl ExactSizeIterator<Item = (usize, &'a [S])> + Clone {
        rows.iter().map(|&row| (row, self.0[row].as_slice()))
    }
}

impl<S> Padded<S> {
    /// The sequences, with their places.
    fn sequences<'a>(
        samples: &'a [&Self],
        indices: &'a [usize],
    ) -> impl ExactSizeIterator<Item = (usize, &'a [S])> + Clone {
        indices.iter().zip(samples).map(|(&index, sample)| (index, sample.0.as_slice()))
    }
}

/// A batch of sequences, whose places are for the messages of errors.
fn padded<'a, S: Nested + 'a, E: Element, D: Backend<E>>(
    rows: impl ExactSizeIterator<Item = (usize, &'a [S])> + Clone,
    padding: <S::Entry as Entry>::Stored<E>,
    dev: &D,
) -> Result<<PaddedSignal<S> as Signal>::Data<E, D, NoneTape>, Error> {
    let lengths: Vec<usize> = rows.clone().map(|(_, sequence)| sequence.len()).collect();
    let mut sizes = vec![rows.len(), lengths.iter().copied().max().unwrap_or(0)];
    sizes.extend(step_sizes(rows.clone())?);
    let row_size = elements(&sizes[1..])?;
    let mut stored = collected(&[elements(&sizes)?], [])?;
    for (i, (row, sequence)) in rows.enumerate() {
        S::pieces_of_all(sequence, &mut |piece| S::Entry::store::<E>(piece, &mut stored, row))?;
        stored.resize((i + 1) * row_size, padding);
    }
    S::Entry::padded::<PaddedShape<S>, E, D>(stored, shape_of(sizes)?, &lengths, dev)
}

/// The sizes that all steps have in these rows.
fn step_sizes<'a, S: Nested + 'a>(
    mut rows: impl Iterator<Item = (usize, &'a [S])> + Clone,
) -> Result<Vec<usize>, Error> {
    let mut expected = Vec::new();
    S::sizes(rows.clone().find_map(|(_, row)| row.first()), &mut expected);
    let misfit = rows.find_map(|(row, steps)| {
        Some((row, steps.iter().find(|step| !step.has_sizes(&expected))?))
    });
    let Some((row, step)) = misfit else { return Ok(expected) };
    let mut found = Vec::new();
    S::sizes(Some(step), &mut found);
    Err(Error::SampleSizes { row, expected, found })
}
