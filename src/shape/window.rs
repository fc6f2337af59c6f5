//! The sizes that windows leave: convolution, pooling, padding.
//!
//! `Const<N>` stays on the surface; behind it typenum calculates, for sizes up to 1024; larger ones are constants that
//! `#[model]` evaluates, see `src/model/windows.rs`. A size that is known only at run time is calculated then.

use dfdx::shapes::Dim as _;

use std::ops::{Add, Div, Mul, Sub};

use kerata_macros::words;
use seq_macro::seq;
use typenum::{Diff, Max, Maximum, Prod, Quot, Sum, ToUInt, U, U1, consts};

use super::{Const, Dim, Fault, missing};
use crate::error::Error;

/// No padding: the window stays within the image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Valid;

/// Zeros around the image, so that without a stride the size stays; of an odd number of zeros the larger half
/// comes behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Same;

/// Zeros in front, so that no step sees a later one. For sequences.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Causal;

/// How a window is kept within its image: [`Valid`], [`Same`] or [`Causal`].
pub trait Padding: Default + Clone + std::fmt::Debug + 'static {
    /// The name that Keras gives it.
    const NAME: &'static str;

    /// How many places the window takes along a dimension of `n`, and how many zeros stand in front; `None`
    /// if it does not fit. `reach` is the size of the window with its dilation. By default it goes by the name.
    fn places(n: usize, reach: usize, stride: usize) -> Option<(usize, usize)> {
        places(Self::NAME, n, reach, stride)
    }
}

impl Padding for Valid {
    const NAME: &'static str = "valid";
}

impl Padding for Same {
    const NAME: &'static str = "same";
}

impl Padding for Causal {
    const NAME: &'static str = "causal";
}

/// The largest size that types calculate with.
pub(crate) const LARGEST: usize = 1024;

/// [`Padding::places`] of one of the paddings here, by its name. `None` for another.
pub(crate) const fn places(
    padding: &str,
    n: usize,
    reach: usize,
    stride: usize,
) -> Option<(usize, usize)> {
    // A stride that the end of the image plus itself is no size for is none either.
    if stride == 0 || n.checked_add(stride).is_none() {
        return None;
    }
    // As long as the image, without a stride.
    let padded = n.div_ceil(stride);
    match padding.as_bytes() {
        b"valid" if n >= reach => Some(((n - reach) / stride + 1, 0)),
        b"same" => match padded.saturating_sub(1).checked_mul(stride) {
            Some(last) => match last.checked_add(reach) {
                Some(covered) => Some((padded, covered.saturating_sub(n) / 2)),
                None => None,
            },
            None => None,
        },
        b"causal" if reach > 0 => Some((padded, reach - 1)),
        _ => None,
    }
}

/// A dimension that a window of `K`, with a stride and a dilation, slides along.
///
/// ```
/// use kerata::{Const, shape::{Same, Slide, Valid}};
///
/// type Out<N> = <N as Slide<3, 2, 1, Valid>>::Out;
/// let out: Out<Const<28>> = Const::<13>;
/// assert_eq!(<usize as Slide<3, 1, 1, Same>>::slide(&7)?, 7);
/// # let _ = out;
/// # Ok::<(), kerata::Error>(())
/// ```
#[words(WINDOW)]
#[diagnostic::on_unimplemented(
    message = "a window of {K} cannot slide along `{Self}` (stride {STRIDE}, dilation {DILATION})",
    label = "the window is too large for what reaches this layer, or a size is above 1024",
    note = "`Same` in place of `Valid` pads with zeros; in a tuple, in a generic struct and in a `TimeDistributed` the compiler calculates with sizes up to 1024: a larger one is `Length` there, and calculated at run time"
)]
pub trait Slide<const K: usize, const STRIDE: usize, const DILATION: usize, P: Padding>:
    Dim
{
    /// How many places the window takes.
    type Out: Dim;

    /// The places as a value.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the window does not fit into a size that is known at run time only.
    fn slide(&self) -> Result<Self::Out, Error> {
        const { wrong_window(&[K], &[STRIDE], DILATION).tell() };
        let reach = (K - 1) * DILATION + 1;
        let what = "the size that a window slides along (at least)";
        let misfit = || Error::mismatch(what, reach, self.size());
        let (places, _) = P::places(self.size(), reach, STRIDE).ok_or_else(misfit)?;
        Self::Out::from_size(places).ok_or_else(misfit)
    }
}

#[diagnostic::do_not_recommend]
impl<const K: usize, const STRIDE: usize, const DILATION: usize, P: Padding>
    Slide<K, STRIDE, DILATION, P> for usize
{
    type Out = usize;
}

/// What is wrong with a window that takes nothing in, or does not move on.
pub(crate) const fn wrong_window(kernel: &[usize], stride: &[usize], dilation: usize) -> Fault {
    missing(smallest(kernel), "a window is at least 1 wide, not 0")
        .or(missing(smallest(stride), "the stride of a window is at least 1, not 0"))
        .or(missing(dilation, "the dilation of a window is at least 1, not 0"))
}

const fn smallest(mut sizes: &[usize]) -> usize {
    let mut smallest = usize::MAX;
    while let [first, rest @ ..] = sizes {
        if *first < smallest {
            smallest = *first;
        }
        sizes = rest;
    }
    smallest
}

type Num<const N: usize> = U<N>;
/// The size of a window with its dilation: `(K - 1) * DILATION + 1`.
type Reach<const K: usize, const DILATION: usize> = Sum<Prod<Diff<Num<K>, U1>, Num<DILATION>>, U1>;
type ValidPlaces<const N: usize, const K: usize, const S: usize, const D: usize> =
    Sum<Quot<Diff<Num<N>, Reach<K, D>>, Num<S>>, U1>;
type SamePlaces<const N: usize, const S: usize> = Quot<Diff<Sum<Num<N>, Num<S>>, U1>, Num<S>>;

/// Back from typenum.
#[doc(hidden)]
pub trait Number {
    type Const: Dim;
}

seq!(N in 0..=1024 {
    impl Number for consts::U~N {
        type Const = Const<N>;
    }
});

#[diagnostic::do_not_recommend]
impl<const N: usize, const K: usize, const STRIDE: usize, const DILATION: usize>
    Slide<K, STRIDE, DILATION, Valid> for Const<N>
where
    typenum::Const<N>: ToUInt,
    typenum::Const<K>: ToUInt,
    typenum::Const<STRIDE>: ToUInt,
    typenum::Const<DILATION>: ToUInt,
    Num<K>: Sub<U1>,
    Diff<Num<K>, U1>: Mul<Num<DILATION>>,
    Prod<Diff<Num<K>, U1>, Num<DILATION>>: Add<U1>,
    Num<N>: Sub<Reach<K, DILATION>>,
    Diff<Num<N>, Reach<K, DILATION>>: Div<Num<STRIDE>>,
    Quot<Diff<Num<N>, Reach<K, DILATION>>, Num<STRIDE>>: Add<U1>,
    ValidPlaces<N, K, STRIDE, DILATION>: Number,
{
    type Out = <ValidPlaces<N, K, STRIDE, DILATION> as Number>::Const;
}

macro_rules! padded {
    ($padding:ty) => {
        #[diagnostic::do_not_recommend]
        impl<const N: usize, const K: usize, const STRIDE: usize, const DILATION: usize>
            Slide<K, STRIDE, DILATION, $padding> for Const<N>
        where
            typenum::Const<N>: ToUInt,
            typenum::Const<STRIDE>: ToUInt,
            Num<N>: Add<Num<STRIDE>>,
            Sum<Num<N>, Num<STRIDE>>: Sub<U1>,
            Diff<Sum<Num<N>, Num<STRIDE>>, U1>: Div<Num<STRIDE>>,
            SamePlaces<N, STRIDE>: Number,
        {
            type Out = <SamePlaces<N, STRIDE> as Number>::Const;
        }
    };
}
padded!(Same);
padded!(Causal);

/// A dimension that two layers of so many units each make together.
#[diagnostic::on_unimplemented(
    message = "twice `{Self}` is not calculated by the compiler: it does so up to 512",
    label = "too many units for both directions side by side: `Sum` or `Average` keeps their number"
)]
pub trait Twice: Dim {
    /// The dimension of twice the size.
    type Out: Dim;
}

#[diagnostic::do_not_recommend]
impl Twice for usize {
    type Out = usize;
}

#[diagnostic::do_not_recommend]
impl<const N: usize> Twice for Const<N>
where
    typenum::Const<N>: ToUInt,
    Num<N>: Add<Num<N>>,
    Sum<Num<N>, Num<N>>: Number,
{
    type Out = <Sum<Num<N>, Num<N>> as Number>::Const;
}

/// A dimension that becomes longer by `MORE`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` with {MORE} more is not calculated by the compiler: it does so up to 1024",
    label = "too large"
)]
pub trait Grow<const MORE: usize>: Dim {
    /// The longer dimension.
    type Out: Dim;
}

#[diagnostic::do_not_recommend]
impl<const MORE: usize> Grow<MORE> for usize {
    type Out = usize;
}

#[diagnostic::do_not_recommend]
impl<const N: usize, const MORE: usize> Grow<MORE> for Const<N>
where
    typenum::Const<N>: ToUInt,
    typenum::Const<MORE>: ToUInt,
    Num<N>: Add<Num<MORE>>,
    Sum<Num<N>, Num<MORE>>: Number,
{
    type Out = <Sum<Num<N>, Num<MORE>> as Number>::Const;
}

/// A dimension that becomes shorter, by `BEFORE` in front and `AFTER` behind.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be cropped by {BEFORE} in front and {AFTER} behind",
    label = "nothing would be left, or a size is above 1024"
)]
pub trait Shrink<const BEFORE: usize, const AFTER: usize>: Dim {
    /// The shorter dimension.
    type Out: Dim;
}

#[diagnostic::do_not_recommend]
impl<const BEFORE: usize, const AFTER: usize> Shrink<BEFORE, AFTER> for usize {
    type Out = usize;
}

type Left<const N: usize, const BEFORE: usize, const AFTER: usize> =
    Diff<Diff<Num<N>, Num<BEFORE>>, Num<AFTER>>;

#[diagnostic::do_not_recommend]
impl<const N: usize, const BEFORE: usize, const AFTER: usize> Shrink<BEFORE, AFTER> for Const<N>
where
    typenum::Const<N>: ToUInt,
    typenum::Const<BEFORE>: ToUInt,
    typenum::Const<AFTER>: ToUInt,
    Num<N>: Sub<Num<BEFORE>>,
    Diff<Num<N>, Num<BEFORE>>: Sub<Num<AFTER>>,
    // At least one is left.
    Left<N, BEFORE, AFTER>: Number + Sub<U1>,
{
    type Out = <Left<N, BEFORE, AFTER> as Number>::Const;
}

/// A dimension of `TIMES` times the size.
#[diagnostic::on_unimplemented(
    message = "{TIMES} times `{Self}` is not calculated by the compiler: it does so up to 1024",
    label = "too large"
)]
pub trait Times<const TIMES: usize>: Dim {
    /// The larger dimension.
    type Out: Dim;
}

#[diagnostic::do_not_recommend]
impl<const TIMES: usize> Times<TIMES> for usize {
    type Out = usize;
}

#[diagnostic::do_not_recommend]
impl<const N: usize, const TIMES: usize> Times<TIMES> for Const<N>
where
    typenum::Const<N>: ToUInt,
    typenum::Const<TIMES>: ToUInt,
    Num<N>: Mul<Num<TIMES>>,
    Prod<Num<N>, Num<TIMES>>: Number,
{
    type Out = <Prod<Num<N>, Num<TIMES>> as Number>::Const;
}

/// A dimension that a window of `K` spreads each value of, with a stride and a dilation.
#[diagnostic::on_unimplemented(
    message = "a window of {K} cannot spread `{Self}` (stride {STRIDE}, dilation {DILATION})",
    label = "the compiler calculates with sizes up to 1024"
)]
pub trait Spread<const K: usize, const STRIDE: usize, const DILATION: usize, P: Padding>:
    Dim
{
    /// The larger dimension.
    type Out: Dim;
}

#[diagnostic::do_not_recommend]
impl<const K: usize, const STRIDE: usize, const DILATION: usize, P: Padding>
    Spread<K, STRIDE, DILATION, P> for usize
{
    type Out = usize;
}

#[diagnostic::do_not_recommend]
impl<const N: usize, const K: usize, const STRIDE: usize, const DILATION: usize>
    Spread<K, STRIDE, DILATION, Same> for Const<N>
where
    Self: Times<STRIDE>,
{
    type Out = <Self as Times<STRIDE>>::Out;
}

/// By how much a window is larger than its stride.
type Beyond<const K: usize, const S: usize, const D: usize> =
    Diff<Maximum<Reach<K, D>, Num<S>>, Num<S>>;

#[diagnostic::do_not_recommend]
impl<const N: usize, const K: usize, const STRIDE: usize, const DILATION: usize>
    Spread<K, STRIDE, DILATION, Valid> for Const<N>
where
    typenum::Const<N>: ToUInt,
    typenum::Const<K>: ToUInt,
    typenum::Const<STRIDE>: ToUInt,
    typenum::Const<DILATION>: ToUInt,
    Num<K>: Sub<U1>,
    Diff<Num<K>, U1>: Mul<Num<DILATION>>,
    Prod<Diff<Num<K>, U1>, Num<DILATION>>: Add<U1>,
    Reach<K, DILATION>: Max<Num<STRIDE>>,
    Maximum<Reach<K, DILATION>, Num<STRIDE>>: Sub<Num<STRIDE>>,
    Num<N>: Mul<Num<STRIDE>>,
    Prod<Num<N>, Num<STRIDE>>: Add<Beyond<K, STRIDE, DILATION>>,
    Sum<Prod<Num<N>, Num<STRIDE>>, Beyond<K, STRIDE, DILATION>>: Number,
{
    type Out = <Sum<Prod<Num<N>, Num<STRIDE>>, Beyond<K, STRIDE, DILATION>> as Number>::Const;
}
