use super::{
    dims::{Dims, Within},
    entry::Entry,
};
use crate::{
    error::Error,
    memory::{collected, elements},
    shape::{Const, Length},
};

/// A number, or arrays or `Vec`s of numbers, as deep as an image is.
///
/// A size that the type does not say, that of a `Vec` or a slice, is [`Length`] in the shape of a batch.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no sample that a batch can be made of",
    label = "not made of numbers of one shape",
    note = "a sample is a number, or (nested) arrays or `Vec`s of numbers, such as `[usize; 10]` or `Vec<f32>`; sequences of different lengths go into a `Ragged`, or through `pad_sequences`"
)]
pub trait Nested {
    /// The number inside.
    type Entry: Entry;
    /// The sizes.
    type Dims: Dims;
    /// The sizes of a sample, of which even a number alone has one.
    type Alone: Dims;

    /// Adds the sizes; those of the first part where there are several.
    fn sizes(this: Option<&Self>, sizes: &mut Vec<usize>);

    /// Whether all parts have these sizes.
    fn has_sizes(&self, sizes: &[usize]) -> bool;

    /// Hands on the numbers, in order and in pieces.
    ///
    /// # Errors
    /// Those of `f`.
    fn pieces(&self, f: &mut impl FnMut(&[Self::Entry]) -> Result<(), Error>) -> Result<(), Error>;

    /// How many bytes a copy takes, those behind pointers included.
    #[doc(hidden)]
    fn bytes(&self) -> usize;

    /// How many bytes a copy of several takes.
    #[doc(hidden)]
    fn bytes_of_all(all: &[Self]) -> usize
    where
        Self: Sized,
    {
        all.iter().map(Self::bytes).sum()
    }

    /// Hands on the numbers of several.
    ///
    /// # Errors
    /// Those of `f`.
    fn pieces_of_all(
        all: &[Self],
        f: &mut impl FnMut(&[Self::Entry]) -> Result<(), Error>,
    ) -> Result<(), Error>
    where
        Self: Sized,
    {
        all.iter().try_for_each(|one| one.pieces(f))
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        #[diagnostic::do_not_recommend]
        impl Nested for $number {
            type Entry = $number;
            type Dims = ();
            type Alone = <$number as Entry>::Alone;

            fn sizes(_: Option<&Self>, _: &mut Vec<usize>) {}

            fn has_sizes(&self, sizes: &[usize]) -> bool {
                sizes.is_empty()
            }

            fn bytes(&self) -> usize {
                size_of::<Self>()
            }

            fn bytes_of_all(all: &[Self]) -> usize {
                size_of_val(all)
            }

            fn pieces(
                &self,
                f: &mut impl FnMut(&[Self::Entry]) -> Result<(), Error>,
            ) -> Result<(), Error> {
                f(std::slice::from_ref(self))
            }

            fn pieces_of_all(
                all: &[Self],
                f: &mut impl FnMut(&[Self::Entry]) -> Result<(), Error>,
            ) -> Result<(), Error> {
                f(all)
            }
        }
    )*};
}
numbers!(f32 f64 usize u8 u16 u32 u64 i8 i16 i32 i64 isize bool);

fn parts_have_sizes<S: Nested>(parts: &[S], sizes: &[usize]) -> bool {
    let Some((&first, rest)) = sizes.split_first() else { return false };
    parts.len() == first && (rest.is_empty() || parts.iter().all(|part| part.has_sizes(rest)))
}

#[diagnostic::do_not_recommend]
impl<S: Nested, const N: usize> Nested for [S; N]
where
    S::Dims: Within<Const<N>>,
{
    type Entry = S::Entry;
    type Dims = <S::Dims as Within<Const<N>>>::Out;
    type Alone = Self::Dims;

    fn sizes(this: Option<&Self>, sizes: &mut Vec<usize>) {
        sizes.push(N);
        S::sizes(this.and_then(|this| this.first()), sizes);
    }

    fn has_sizes(&self, sizes: &[usize]) -> bool {
        parts_have_sizes(self, sizes)
    }

    fn bytes(&self) -> usize {
        S::bytes_of_all(self)
    }

    fn bytes_of_all(all: &[Self]) -> usize {
        S::bytes_of_all(all.as_flattened())
    }

    fn pieces(&self, f: &mut impl FnMut(&[Self::Entry]) -> Result<(), Error>) -> Result<(), Error> {
        S::pieces_of_all(self, f)
    }

    // An image of one channel is handed on whole, and not number by number.
    fn pieces_of_all(
        all: &[Self],
        f: &mut impl FnMut(&[Self::Entry]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        S::pieces_of_all(all.as_flattened(), f)
    }
}

#[diagnostic::do_not_recommend]
impl<S: Nested> Nested for [S]
where
    S::Dims: Within<Length>,
{
    type Entry = S::Entry;
    type Dims = <S::Dims as Within<Length>>::Out;
    type Alone = Self::Dims;

    fn sizes(this: Option<&Self>, sizes: &mut Vec<usize>) {
        sizes.push(this.map_or(0, <[S]>::len));
        S::sizes(this.and_then(|this| this.first()), sizes);
    }

    fn has_sizes(&self, sizes: &[usize]) -> bool {
        parts_have_sizes(self, sizes)
    }

    fn bytes(&self) -> usize {
        S::bytes_of_all(self)
    }

    fn pieces(&self, f: &mut impl FnMut(&[Self::Entry]) -> Result<(), Error>) -> Result<(), Error> {
        S::pieces_of_all(self, f)
    }
}

macro_rules! like {
    ([$($param:tt)*] $outer:ty, $inner:ty, $bytes:expr) => {
        #[diagnostic::do_not_recommend]
        impl<$($param)*> Nested for $outer
        where
            $inner: Nested,
        {
            type Entry = <$inner as Nested>::Entry;
            type Dims = <$inner as Nested>::Dims;
            type Alone = <$inner as Nested>::Alone;

            fn sizes(this: Option<&Self>, sizes: &mut Vec<usize>) {
                <$inner>::sizes(this.map(|this| &**this), sizes);
            }

            fn has_sizes(&self, sizes: &[usize]) -> bool {
                (**self).has_sizes(sizes)
            }

            fn bytes(&self) -> usize {
                let behind: fn(&$inner) -> usize = $bytes;
                size_of::<Self>() + behind(self)
            }

            fn pieces(
                &self,
                f: &mut impl FnMut(&[Self::Entry]) -> Result<(), Error>,
            ) -> Result<(), Error> {
                (**self).pieces(f)
            }
        }
    };
}
like!([S] Vec<S>, [S], Nested::bytes);
// What is borrowed is not copied.
like!([S: ?Sized] &S, S, |_| 0);
like!([S: ?Sized] Box<S>, S, Nested::bytes);

/// The numbers of samples one after another, and the sizes of a batch of them.
///
/// # Errors
/// [`Error::SampleSizes`] for a sample that has not the sizes of the first one, and those of [`Entry::store`].
pub(super) fn stored<S: Nested + ?Sized, E: crate::backend::Element>(
    samples: &[&S],
    indices: &[usize],
) -> Result<(Vec<<S::Entry as Entry>::Stored<E>>, Vec<usize>), Error> {
    let sizes = check_all(samples.iter().copied(), indices)?;
    let mut all = vec![samples.len()];
    all.extend(sizes);
    let mut stored = collected(&[elements(&all)?], [])?;
    for (sample, &index) in samples.iter().zip(indices) {
        sample.pieces(&mut |piece| S::Entry::store::<E>(piece, &mut stored, index))?;
    }
    Ok((stored, all))
}

/// Checks that all samples have the sizes of the first one, which it returns.
pub(super) fn check_all<'a, S: Nested + ?Sized + 'a>(
    samples: impl Iterator<Item = &'a S> + Clone,
    indices: &[usize],
) -> Result<Vec<usize>, Error> {
    let mut sizes = Vec::new();
    S::sizes(samples.clone().next(), &mut sizes);
    match samples.clone().position(|sample| !sample.has_sizes(&sizes)) {
        None => Ok(sizes),
        Some(place) => {
            let mut found = Vec::new();
            S::sizes(samples.clone().nth(place), &mut found);
            let row = indices.get(place).copied().unwrap_or(place);
            Err(Error::SampleSizes { row, expected: sizes, found })
        }
    }
}
