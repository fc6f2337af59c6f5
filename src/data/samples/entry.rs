use dfdx::tensor::{NoneTape, Tensor};

use super::dims::Dims;
use crate::{
    backend::{Backend, Element},
    error::{Error, OrDevice},
    io::{Dtype, TooLarge},
    shape::{Const, Sequence, Shape},
    signal::{Ids, Mask, Masked, NO_LABEL, Signal},
};

/// What a sample holds: values, `f32` or `f64`; or ids and labels, whole numbers of any type and `bool`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a value nor an id",
    note = "values are `f32` or `f64`; ids and labels are whole numbers or `bool`"
)]
pub trait Entry: Copy + 'static {
    /// The signal of data of the shape `S`.
    type Signal<S: Shape>: Signal;
    /// The signal of sequences that are padded to the shape `S`.
    type Padded<S: Sequence>: Signal;
    /// The sizes of a sample that is one entry alone.
    type Alone: Dims;
    /// What stands for an entry in a tensor.
    type Stored<E: Element>: Copy + Default;

    /// Adds entries to those of a batch.
    ///
    /// # Errors
    /// [`Error::NotAnId`] or [`Error::Overflow`] for one that cannot be stored, with the index of its sample.
    fn store<E: Element>(
        entries: &[Self],
        stored: &mut Vec<Self::Stored<E>>,
        sample: usize,
    ) -> Result<(), Error>;

    /// What pads targets: of labels, none.
    #[doc(hidden)]
    fn missing<E: Element>() -> Self::Stored<E> {
        Default::default()
    }

    /// The data of a batch.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn data<S: Shape, E: Element, D: Backend<E>>(
        stored: Vec<Self::Stored<E>>,
        shape: S,
        dev: &D,
    ) -> Result<<Self::Signal<S> as Signal>::Data<E, D, NoneTape>, Error>;

    /// The data of a padded batch.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn padded<S: Sequence, E: Element, D: Backend<E>>(
        stored: Vec<Self::Stored<E>>,
        shape: S,
        lengths: &[usize],
        dev: &D,
    ) -> Result<<Self::Padded<S> as Signal>::Data<E, D, NoneTape>, Error>;

    /// Checks that a file of such values can hold these entries.
    ///
    /// # Errors
    /// What is wrong.
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn check_dtype(dtype: Dtype) -> Result<(), String>;

    /// Adds the values of a file to those of a batch.
    ///
    /// # Errors
    /// Those of [`store`](Entry::store).
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn decode<E: Element>(
        dtype: Dtype,
        bytes: &[u8],
        stored: &mut Vec<Self::Stored<E>>,
        sample: usize,
    ) -> Result<(), Error>;

    /// What tells it from other entries.
    fn bits(self) -> u64;
}

macro_rules! values {
    ($($value:ty)*) => {$(
        impl Entry for $value {
            type Signal<S: Shape> = S;
            type Padded<S: Sequence> = Masked<S>;
            type Alone = (Const<1>,);
            type Stored<E: Element> = E;

            fn store<E: Element>(
                entries: &[Self],
                stored: &mut Vec<E>,
                sample: usize,
            ) -> Result<(), Error> {
                let start = stored.len();
                stored.extend(entries.iter().map(|&x| E::of(f64::from(x))));
                if !stored[start..].iter().any(|x| x.is_infinite()) {
                    return Ok(());
                }
                // Infinite it may have been before.
                let beyond = entries.iter().map(|&x| f64::from(x)).find(|&x| E::checked(x).is_none());
                beyond.map_or(Ok(()), |value| {
                    Err(Error::Overflow { what: "sample", index: sample, value })
                })
            }

            fn data<S: Shape, E: Element, D: Backend<E>>(
                stored: Vec<E>,
                shape: S,
                dev: &D,
            ) -> Result<Tensor<S, E, D>, Error> {
                dev.try_tensor_from_vec(stored, shape).or_device()
            }

            fn padded<S: Sequence, E: Element, D: Backend<E>>(
                stored: Vec<E>,
                shape: S,
                lengths: &[usize],
                dev: &D,
            ) -> Result<Masked<Tensor<S, E, D>>, Error> {
                let mask = Mask::from_lengths(lengths, shape.steps().1)?;
                Masked::new(Self::data(stored, shape, dev)?, mask)
            }

            #[allow(private_interfaces)]
            fn check_dtype(_: Dtype) -> Result<(), String> {
                Ok(())
            }

            #[allow(private_interfaces)]
            fn decode<E: Element>(
                dtype: Dtype,
                bytes: &[u8],
                stored: &mut Vec<E>,
                sample: usize,
            ) -> Result<(), Error> {
                let beyond = |TooLarge { value, .. }| {
                    Error::Overflow { what: "sample", index: sample, value }
                };
                stored.extend(dtype.decode::<E>(bytes).map_err(beyond)?);
                Ok(())
            }

            fn bits(self) -> u64 {
                f64::from(self).to_bits()
            }
        }
    )*};
}
values!(f32 f64);

macro_rules! ids {
    ($($id:ty)*) => {$(
        impl Entry for $id {
            type Signal<S: Shape> = Ids<S>;
            type Padded<S: Sequence> = Ids<S>;
            type Alone = ();
            type Stored<E: Element> = usize;

            fn missing<E: Element>() -> usize {
                NO_LABEL
            }

            fn store<E: Element>(
                entries: &[Self],
                stored: &mut Vec<usize>,
                sample: usize,
            ) -> Result<(), Error> {
                for &entry in entries {
                    let refused = |_| Error::NotAnId { row: sample, value: entry.to_string() };
                    stored.push(usize::try_from(entry).map_err(refused)?);
                }
                Ok(())
            }

            fn data<S: Shape, E: Element, D: Backend<E>>(
                stored: Vec<usize>,
                shape: S,
                dev: &D,
            ) -> Result<Tensor<S, usize, D>, Error> {
                dev.try_tensor_from_vec(stored, shape).or_device()
            }

            fn padded<S: Sequence, E: Element, D: Backend<E>>(
                stored: Vec<usize>,
                shape: S,
                _: &[usize],
                dev: &D,
            ) -> Result<Tensor<S, usize, D>, Error> {
                Self::data::<S, E, D>(stored, shape, dev)
            }

            #[allow(private_interfaces)]
            fn check_dtype(dtype: Dtype) -> Result<(), String> {
                let message = || format!("ids and labels are whole numbers, not {dtype:?} values");
                if dtype.is_whole() { Ok(()) } else { Err(message()) }
            }

            #[allow(private_interfaces)]
            fn decode<E: Element>(
                dtype: Dtype,
                bytes: &[u8],
                stored: &mut Vec<usize>,
                sample: usize,
            ) -> Result<(), Error> {
                for value in dtype.decode_whole(bytes) {
                    let refused = |_| Error::NotAnId { row: sample, value: value.to_string() };
                    stored.push(usize::try_from(value).map_err(refused)?);
                }
                Ok(())
            }

            fn bits(self) -> u64 {
                self as u64
            }
        }
    )*};
}
ids!(usize u8 u16 u32 u64 i8 i16 i32 i64 isize bool);
