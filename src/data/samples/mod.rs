//! What a dataset is made of: many samples of one kind.

mod dims;
mod entry;
mod nested;
mod sample;

pub(super) use dims::Dims;
pub use entry::Entry;
pub use nested::Nested;
pub use sample::Sample;
pub(super) use sample::shape_of;

use dfdx::tensor::NoneTape;

use crate::{
    backend::{Backend, Element},
    error::Error,
    memory::{collected, elements, reserved},
    signal::{Inputs, Signal},
    tuples::several,
};

/// Many values of one kind, from which batches are made.
///
/// A `Vec`, an array or a slice of samples, whose type says what a batch of them is:
///
/// | samples | signal of a batch |
/// | --- | --- |
/// | `Vec<usize>` | `Ids<(Batch,)>`: class labels |
/// | `Vec<[usize; L]>` | `Ids<(Batch, Const<L>)>`: token ids, or a label for each step |
/// | [`Ragged`](super::Ragged)`<usize>` | `Ids<(Batch, Length)>`, padded to the longest row of the batch |
/// | [`Ragged`](super::Ragged)`<[f32; F]>` | `Masked<(Batch, Length, Const<F>)>`, padded likewise |
/// | `Vec<`[`Padded`](super::Padded)`<..>>` | the same as a `Ragged` |
/// | [`NpyFile`](super::NpyFile)`<[f32; F]>` | the same as `Vec<[f32; F]>`, read from a file as they are needed |
/// | `Vec<f32>` | `(Batch, Const<1>)` |
/// | `Vec<[f32; F]>` | `(Batch, Const<F>)` |
/// | `Vec<[[f32; F]; L]>` | `(Batch, Const<L>, Const<F>)`: sequences of features |
/// | `Vec<[[[f32; C]; W]; H]>` | `(Batch, Const<H>, Const<W>, Const<C>)`: images |
/// | `Vec<Vec<f32>>`, `Vec<Vec<Vec<f32>>>`, .. | the same with sizes that are known at run time: the model says which they must be |
/// | a tuple of two to six of these, or a `Vec` of tuples | [`Inputs`] of all, for a model of several inputs or outputs |
///
/// `f64` in place of `f32` works too. Ids and labels are whole numbers of any type, or `bool`: `u8`, `i32`, `i64` and
/// so on in place of `usize`. All samples have one size.
///
/// ```
/// use kerata::{Cpu, Error, data::Samples, prelude::*};
///
/// let samples = (vec![[1_u8, 2], [3, 0]], vec![0.5_f32, 1.5]);
/// samples.check()?;
/// let (ids, values) = samples.batch::<f32, _>(&[1], &Cpu::default())?;
/// assert_eq!((ids.as_vec(), values.as_vec()), (vec![3, 0], vec![1.5]));
///
/// let error = vec![4_i64, -1].batch::<f32, _>(&[0, 1], &Cpu::default()).unwrap_err();
/// assert_eq!(error.to_string(), "row 1 holds -1, which is no id: ids and labels count from 0");
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` holds no samples that a batch can be made of",
    label = "no samples",
    note = "samples are a `Vec`, an array or a slice of numbers or of (nested) arrays or `Vec`s of numbers, such as `Vec<[usize; 10]>`; sequences of different lengths go into a `Ragged`; texts become ids by a `Vocabulary`, and names of classes numbers from 0"
)]
pub trait Samples {
    /// The signal of a batch.
    type Signal: Signal;
    /// Some of the samples.
    type Selected: Samples<Signal = Self::Signal>;

    /// How many samples there are.
    fn count(&self) -> usize;

    /// Looks for contradictions, such as rows of different sizes, or two inputs that are not equally many.
    ///
    /// # Errors
    /// [`Error::Mismatch`], [`Error::SampleSizes`].
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// A batch of the samples at the given places, which are below [`count`](Samples::count).
    ///
    /// # Errors
    /// [`Error::Device`]; those of [`Sample::batch`].
    fn batch<E: Element, D: Backend<E>>(
        &self,
        rows: &[usize],
        dev: &D,
    ) -> Result<<Self::Signal as Signal>::Data<E, D, NoneTape>, Error>;

    /// A batch of targets: [`batch`](Samples::batch), where what pads labels is no label. So one that is missing at a real step is found.
    ///
    /// # Errors
    /// Those of [`batch`](Samples::batch).
    #[doc(hidden)]
    fn target_batch<E: Element, D: Backend<E>>(
        &self,
        rows: &[usize],
        dev: &D,
    ) -> Result<<Self::Signal as Signal>::Data<E, D, NoneTape>, Error> {
        self.batch(rows, dev)
    }

    /// The samples at the given places.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no memory for them.
    fn select(&self, rows: &[usize]) -> Result<Self::Selected, Error>;

    /// How many steps a sample has that a batch is padded for: those of a [`Ragged`](super::Ragged); 0 where all samples
    /// have one size.
    fn length(&self, _row: usize) -> usize {
        0
    }

    /// Reads into memory what is in a file, so that [`batch`](Samples::batch) reads nothing. A thread that reads ahead
    /// calls it.
    ///
    /// # Errors
    /// [`Error::File`].
    fn preload(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// Samples that belong to classes: those of equal targets to one.
pub trait Classes: Samples {
    /// What is the same for samples of one class, and different for others.
    fn class(&self, row: usize) -> Vec<u64>;
}

/// The samples at the given places, of which one takes so many `bytes`. One may be larger than the stack: none is ever a
/// value by itself.
///
/// # Errors
/// [`Error::Device`] if there is no memory for them.
pub(super) fn selected<T: Clone>(
    samples: &[T],
    rows: &[usize],
    bytes: impl Fn(&T) -> usize,
) -> Result<Vec<T>, Error> {
    let mut selected = collected(&[rows.len()], [])?;
    let behind = rows.iter().map(|&row| bytes(&samples[row]).saturating_sub(size_of::<T>()));
    // `clone` ends the process where there is no memory: so whether there is is asked before.
    drop(reserved::<u8>(behind.sum())?);
    rows.iter().for_each(|&row| selected.extend_from_slice(&samples[row..=row]));
    Ok(selected)
}

/// `count` times the sample that a slice of `N` elements is. `vec![sample; count]` has a sample on the stack,
/// which one of a few MiB overflows.
///
/// # Errors
/// [`Error::Device`].
pub(super) fn repeated<T: Copy, const N: usize>(
    sample: &[T],
    count: usize,
) -> Result<Vec<[T; N]>, Error> {
    elements(&[N, count])?;
    let mut samples = collected(&[count], [])?;
    if let Some(sample) = sample.as_array() {
        (0..count).for_each(|_| samples.extend_from_slice(std::slice::from_ref(sample)));
    }
    Ok(samples)
}

#[diagnostic::do_not_recommend]
impl<S: Sample + Clone> Samples for [S] {
    type Signal = S::Signal;
    type Selected = Vec<S>;

    fn count(&self) -> usize {
        self.len()
    }

    fn check(&self) -> Result<(), Error> {
        S::check_all(self.iter())
    }

    fn batch<E: Element, D: Backend<E>>(
        &self,
        rows: &[usize],
        dev: &D,
    ) -> Result<<S::Signal as Signal>::Data<E, D, NoneTape>, Error> {
        let samples: Vec<&S> = rows.iter().map(|&row| &self[row]).collect();
        S::batch::<E, D>(&samples, rows, dev)
    }

    fn target_batch<E: Element, D: Backend<E>>(
        &self,
        rows: &[usize],
        dev: &D,
    ) -> Result<<S::Signal as Signal>::Data<E, D, NoneTape>, Error> {
        let samples: Vec<&S> = rows.iter().map(|&row| &self[row]).collect();
        S::target_batch::<E, D>(&samples, rows, dev)
    }

    fn select(&self, rows: &[usize]) -> Result<Vec<S>, Error> {
        selected(self, rows, S::bytes)
    }

    fn length(&self, row: usize) -> usize {
        self[row].length()
    }
}

impl<S: Nested + Clone> Classes for [S] {
    fn class(&self, row: usize) -> Vec<u64> {
        let mut bits = Vec::new();
        let pieces = self[row].pieces(&mut |piece| {
            bits.extend(piece.iter().map(|entry| entry.bits()));
            Ok(())
        });
        // Nothing above fails.
        debug_assert!(pieces.is_ok());
        bits
    }
}

macro_rules! like {
    ([$($param:tt)*] $outer:ty, $inner:ty) => {
        #[diagnostic::do_not_recommend]
        impl<$($param)*> Samples for $outer
        where
            $inner: Samples,
        {
            type Signal = <$inner as Samples>::Signal;
            type Selected = <$inner as Samples>::Selected;

            fn count(&self) -> usize {
                <$inner>::count(self)
            }

            fn check(&self) -> Result<(), Error> {
                <$inner>::check(self)
            }

            fn batch<E: Element, D: Backend<E>>(
                &self,
                rows: &[usize],
                dev: &D,
            ) -> Result<<Self::Signal as Signal>::Data<E, D, NoneTape>, Error> {
                <$inner>::batch::<E, D>(self, rows, dev)
            }

            fn target_batch<E: Element, D: Backend<E>>(
                &self,
                rows: &[usize],
                dev: &D,
            ) -> Result<<Self::Signal as Signal>::Data<E, D, NoneTape>, Error> {
                <$inner>::target_batch::<E, D>(self, rows, dev)
            }

            fn select(&self, rows: &[usize]) -> Result<Self::Selected, Error> {
                <$inner>::select(self, rows)
            }

            fn length(&self, row: usize) -> usize {
                <$inner>::length(self, row)
            }
        }

        impl<$($param)*> Classes for $outer
        where
            $inner: Classes,
        {
            fn class(&self, row: usize) -> Vec<u64> {
                <$inner>::class(self, row)
            }
        }
    };
}
like!([S] Vec<S>, [S]);
like!([S, const N: usize] [S; N], [S]);
like!([X: ?Sized] &X, X);

/// What is counted of each of several samples side by side.
const COUNTS: [&str; 6] = [
    "the number of samples of the first input",
    "the number of samples of the second input",
    "the number of samples of the third input",
    "the number of samples of the fourth input",
    "the number of samples of the fifth input",
    "the number of samples of the sixth input",
];

macro_rules! side_by_side {
    ($A:ident 0 $($S:ident $at:tt)*) => {
        #[diagnostic::do_not_recommend]
        impl<$A: Samples, $($S: Samples),*> Samples for ($A, $($S,)*) {
            type Signal = Inputs<($A::Signal, $($S::Signal,)*)>;
            type Selected = ($A::Selected, $($S::Selected,)*);

            fn count(&self) -> usize {
                self.0.count()$(.min(self.$at.count()))*
            }

            fn check(&self) -> Result<(), Error> {
                let first = self.0.count();
                for (at, found) in [$(($at, self.$at.count())),*] {
                    if first != found {
                        return Err(Error::mismatch(COUNTS[at], first, found));
                    }
                }
                self.0.check()?;
                $(self.$at.check()?;)*
                Ok(())
            }

            fn batch<E: Element, D: Backend<E>>(
                &self,
                rows: &[usize],
                dev: &D,
            ) -> Result<<Self::Signal as Signal>::Data<E, D, NoneTape>, Error> {
                Ok((self.0.batch::<E, D>(rows, dev)?, $(self.$at.batch::<E, D>(rows, dev)?,)*))
            }

            fn target_batch<E: Element, D: Backend<E>>(
                &self,
                rows: &[usize],
                dev: &D,
            ) -> Result<<Self::Signal as Signal>::Data<E, D, NoneTape>, Error> {
                let first = self.0.target_batch::<E, D>(rows, dev)?;
                Ok((first, $(self.$at.target_batch::<E, D>(rows, dev)?,)*))
            }

            fn select(&self, rows: &[usize]) -> Result<Self::Selected, Error> {
                Ok((self.0.select(rows)?, $(self.$at.select(rows)?,)*))
            }

            fn length(&self, row: usize) -> usize {
                self.0.length(row)$(.max(self.$at.length(row)))*
            }

            fn preload(&mut self) -> Result<(), Error> {
                self.0.preload()?;
                $(self.$at.preload()?;)*
                Ok(())
            }
        }
    };
}
several!(side_by_side);
