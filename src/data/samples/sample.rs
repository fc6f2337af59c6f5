use dfdx::tensor::NoneTape;

use super::{
    dims::Dims,
    entry::Entry,
    nested::{self, Nested},
};
use crate::{
    backend::{Backend, Element},
    error::Error,
    shape::{self, Shape},
    signal::{Inputs, Signal},
    tuples::several,
};

/// One sample: a number, an array or a `Vec` of numbers, nested as deep as an image is; or a tuple of samples, for a
/// model with several inputs. What one sample is decides what a batch of them is, see [`Samples`](super::Samples).
///
/// ```
/// use kerata::{Cpu, data::Sample, prelude::*};
///
/// let (first, second) = (vec![1.0_f32, 2.0], vec![3.0, 4.0]);
/// let batch = Sample::batch::<f32, _>(&[&first, &second], &[0, 1], &Cpu::default())?;
/// assert_eq!(batch.as_vec(), [1.0, 2.0, 3.0, 4.0]);
///
/// let error = Sample::check_all([first, vec![5.0]].iter()).unwrap_err().to_string();
/// assert!(error.starts_with("row 1 has the sizes [1], but [2] are expected"), "{error}");
/// # Ok::<(), kerata::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no sample that a batch can be made of",
    note = "a sample is a number, or (nested) arrays or `Vec`s of numbers, such as `[usize; 10]` or `Vec<f32>`; sequences of different lengths go into a `Ragged`, or through `pad_sequences`"
)]
pub trait Sample {
    /// The signal of a batch.
    type Signal: Signal;

    /// Checks that all samples have the sizes of the first one.
    ///
    /// # Errors
    /// [`Error::SampleSizes`] names the first one that has not.
    fn check_all<'a>(samples: impl Iterator<Item = &'a Self> + Clone) -> Result<(), Error>
    where
        Self: 'a;

    /// How many steps the sample has that a batch of it is padded for: those of a [`Padded`](crate::data::Padded); 0 where all
    /// samples have one size. [`Stream::bucket_by_length`](crate::data::Stream::bucket_by_length) goes by it.
    fn length(&self) -> usize {
        0
    }

    /// How many bytes a copy takes, those behind pointers included.
    #[doc(hidden)]
    fn bytes(&self) -> usize {
        size_of_val(self)
    }

    /// A batch of samples, whose `indices` are for the messages of errors.
    ///
    /// # Errors
    /// [`Error::SampleSizes`] for samples of different sizes, [`Error::NotAnId`] for a negative id,
    /// [`Error::Overflow`] for a finite `f64` that the elements of the batch cannot hold, [`Error::Device`].
    fn batch<E: Element, D: Backend<E>>(
        samples: &[&Self],
        indices: &[usize],
        dev: &D,
    ) -> Result<<Self::Signal as Signal>::Data<E, D, NoneTape>, Error>;

    /// See [`Samples::target_batch`](super::Samples::target_batch).
    ///
    /// # Errors
    /// Those of [`batch`](Sample::batch).
    #[doc(hidden)]
    fn target_batch<E: Element, D: Backend<E>>(
        samples: &[&Self],
        indices: &[usize],
        dev: &D,
    ) -> Result<<Self::Signal as Signal>::Data<E, D, NoneTape>, Error> {
        Self::batch(samples, indices, dev)
    }
}

/// The shape of a batch.
type Batched<S> = <<S as Nested>::Alone as Dims>::Batched;

#[diagnostic::do_not_recommend]
impl<S: Nested + ?Sized> Sample for S {
    type Signal = <S::Entry as Entry>::Signal<Batched<S>>;

    fn check_all<'a>(samples: impl Iterator<Item = &'a Self> + Clone) -> Result<(), Error>
    where
        Self: 'a,
    {
        nested::check_all(samples, &[]).map(drop)
    }

    fn bytes(&self) -> usize {
        Nested::bytes(self)
    }

    fn batch<E: Element, D: Backend<E>>(
        samples: &[&Self],
        indices: &[usize],
        dev: &D,
    ) -> Result<<Self::Signal as Signal>::Data<E, D, NoneTape>, Error> {
        let (stored, sizes) = nested::stored::<S, E>(samples, indices)?;
        S::Entry::data::<Batched<S>, E, D>(stored, shape_of(sizes)?, dev)
    }
}

/// The shape of these sizes; a size that is left out is 1.
pub(in crate::data) fn shape_of<S: Shape>(mut sizes: Vec<usize>) -> Result<S, Error> {
    sizes.resize(S::NUM_DIMS, 1);
    let mut concrete = S::Concrete::default();
    sizes.iter().enumerate().for_each(|(i, &size)| concrete[i] = size);
    S::from_concrete(&concrete)
        .ok_or_else(|| Error::mismatch("the sizes of a batch", shape::display::<S>(), sizes))
}

macro_rules! side_by_side {
    ($($S:ident $at:tt)*) => {
        #[diagnostic::do_not_recommend]
        #[allow(non_snake_case)]
        impl<$($S: Sample),*> Sample for ($($S,)*) {
            type Signal = Inputs<($($S::Signal,)*)>;

            fn check_all<'a>(samples: impl Iterator<Item = &'a Self> + Clone) -> Result<(), Error>
            where
                Self: 'a,
            {
                $($S::check_all(samples.clone().map(|sample| &sample.$at))?;)*
                Ok(())
            }

            fn length(&self) -> usize {
                [$(self.$at.length()),*].into_iter().max().unwrap_or(0)
            }

            fn bytes(&self) -> usize {
                [$(Sample::bytes(&self.$at)),*].into_iter().sum()
            }

            fn batch<E: Element, D: Backend<E>>(
                samples: &[&Self],
                indices: &[usize],
                dev: &D,
            ) -> Result<<Self::Signal as Signal>::Data<E, D, NoneTape>, Error> {
                $(let $S: Vec<&$S> = samples.iter().map(|sample| &sample.$at).collect();)*
                Ok(($($S::batch::<E, D>(&$S, indices, dev)?,)*))
            }

            fn target_batch<E: Element, D: Backend<E>>(
                samples: &[&Self],
                indices: &[usize],
                dev: &D,
            ) -> Result<<Self::Signal as Signal>::Data<E, D, NoneTape>, Error> {
                $(let $S: Vec<&$S> = samples.iter().map(|sample| &sample.$at).collect();)*
                Ok(($($S::target_batch::<E, D>(&$S, indices, dev)?,)*))
            }
        }
    };
}
several!(side_by_side);
