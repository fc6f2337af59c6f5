//! The kinds of signal that layers ask for, each with the words that the compiler says where another
//! kind arrives.
//!
//! A layer is implemented for every signal, under the bound of a kind: so a mistake fails at the bound,
//! and its message is the one written here.

use dfdx::{
    shapes::{Const, HasShape},
    tensor::{Tape, Tensor},
};

use kerata_macros::words;

use super::{Ids, Is, Mask, Masked, Signal};
use crate::{
    backend::{Backend, Element, memory::elements_of, sized},
    error::Error,
    never::{Never, Nobody},
    shape::{Dim, Sequence, Shape},
};

/// Numbers of any shape, masked or not: what a layer takes that treats each number by itself.
///
/// The mask passes through such a layer untouched.
///
/// ```
/// use kerata::{*, prelude::*, signal::{MaskTransparent, Signal}};
/// use dfdx::tensor::Tape;
///
/// /// `2 * x`.
/// struct Double;
///
/// impl<In: MaskTransparent, E: Element, D: Backend<E>> Layer<In, E, D> for Double {
///     type Out = In;
///
///     fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
///         In::map(x, |x| Ok(x * E::of(2.0)))
///     }
/// }
///
/// let x = Masked::new(Cpu::default().tensor([[[1.0_f32], [7.0]]]), Mask::from_lengths(&[1], 2)?)?;
/// assert_eq!(Double.forward(x)?.mask().count(), 1);
/// # Ok::<(), Error>(())
/// ```
#[words(NUMBERS)]
#[diagnostic::on_unimplemented(
    message = "numbers are needed here, but `{Self}` arrives",
    label = "this layer takes numbers",
    note = "token ids become numbers in an `Embedding`; a layer that maps any numbers asks for `In: MaskTransparent`; two outputs: `#[from(name.0)]` takes one of them, of a `ReturnState` `#[from(name.output)]`"
)]
pub trait MaskTransparent: Signal {
    /// The shape of the numbers.
    type Shape: Shape;

    /// What [`Signal::map`] does.
    #[doc(hidden)]
    fn map_values<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Self::Data<E, D, T>,
        f: impl FnOnce(Tensor<Self::Shape, E, D, T>) -> Result<Tensor<Self::Shape, E, D, T>, Error>,
    ) -> Result<Self::Data<E, D, T>, Error>;

    /// The mask, if there is one.
    fn mask<E: Element, D: Backend<E>, T: Tape<E, D>>(_: &Self::Data<E, D, T>) -> Option<&Mask> {
        None
    }
}

#[diagnostic::do_not_recommend]
impl<S: Shape> MaskTransparent for S {
    type Shape = S;

    fn map_values<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D, T>,
        f: impl FnOnce(Tensor<S, E, D, T>) -> Result<Tensor<S, E, D, T>, Error>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        elements_of(&x)?;
        f(x)
    }
}

// Of what has no such numbers their shape is unknown, and so is silently what a layer does with them.
#[diagnostic::do_not_recommend]
impl<In: Signal> MaskTransparent for In
where
    for<'a> Nobody: Never<'a>,
{
    type Shape = (usize,);

    fn map_values<E: Element, D: Backend<E>, T: Tape<E, D>>(
        _: Self::Data<E, D, T>,
        _: impl FnOnce(Tensor<(usize,), E, D, T>) -> Result<Tensor<(usize,), E, D, T>, Error>,
    ) -> Result<Self::Data<E, D, T>, Error> {
        Nobody::never()
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sequence> MaskTransparent for Masked<S> {
    type Shape = S;

    fn map_values<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Masked<Tensor<S, E, D, T>>,
        f: impl FnOnce(Tensor<S, E, D, T>) -> Result<Tensor<S, E, D, T>, Error>,
    ) -> Result<Masked<Tensor<S, E, D, T>>, Error> {
        let (values, mask) = x.into_parts();
        elements_of(&values)?;
        let values = D::bounded_padding(values, Some(&mask))?;
        Masked::new(f(values)?, mask)
    }

    fn mask<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: &Masked<Tensor<S, E, D, T>>,
    ) -> Option<&Mask> {
        Some(x.mask())
    }
}

/// A signal with a mask: what [`Unmask`](crate::layers::Unmask) takes.
#[diagnostic::on_unimplemented(
    message = "there is no mask to drop in `{Self}`",
    label = "no mask reaches this layer",
    note = "an `Embedding<_, _, MaskZero>` or a `Masking` makes one; behind a layer that consumes it, such as `Lstm<_, N>`, there is none"
)]
pub trait HasMask: Signal {
    /// The signal without its mask.
    type Values: Shape;

    /// The data without its mask.
    fn values<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Self::Data<E, D, T>,
    ) -> Tensor<Self::Values, E, D, T>;
}

#[diagnostic::do_not_recommend]
impl<S: Sequence> HasMask for Masked<S> {
    type Values = S;

    fn values<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Masked<Tensor<S, E, D, T>>,
    ) -> Tensor<S, E, D, T> {
        x.into_parts().0
    }
}

/// Numbers whose last axis is not time, masked or not: what a layer takes that mixes the numbers of
/// the last axis, as [`Softmax`](crate::layers::Softmax) does.
#[words(LAST_AXIS)]
#[diagnostic::on_unimplemented(
    message = "features on the last axis are needed here, but `{Self}` arrives",
    label = "this layer mixes the numbers of the last axis",
    note = "in a `Masked<(Batch, Length)>` the last axis is time, and padding would be mixed in"
)]
pub trait LastAxis: MaskTransparent {}

#[diagnostic::do_not_recommend]
impl<S: Shape> LastAxis for S {}

macro_rules! last_axis {
    ($($dim:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<B: Dim, L: Dim, $($dim: Dim),*> LastAxis for Masked<(B, L, $($dim,)*)> {}
    };
}
last_axis!(F);
last_axis!(F G);
last_axis!(F G H);

/// One vector per sample: `(Batch, Features)`.
#[words(ONE_VECTOR)]
#[diagnostic::on_unimplemented(
    message = "one vector per sample is needed here, `(Batch, Features)`, but `{Self}` arrives",
    label = "this layer takes `(Batch, Features)`",
    note = "a sequence: `Lstm<_, N>` in place of `Lstm<_, N, Sequences>`, or `GlobalAveragePooling1d`, gives one vector; `TimeDistributed<Dense<..>>` answers at each step; images: put `Flatten<_>` or `GlobalAveragePooling2d` in front of this layer; token ids: `Embedding` or `EmbeddingBag`; two outputs: `#[from(name.0)]` takes one of them, of a `ReturnState` `#[from(name.output)]`"
)]
pub trait OneVector: Signal {
    /// The batch dimension.
    type Batch: Dim;
    /// The dimension of the features.
    type Features: Dim;

    /// The data as a tensor whose number of features is fixed.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn vectors<const I: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Self::Data<E, D, T>,
    ) -> Result<Tensor<(Self::Batch, Const<I>), E, D, T>, Error>
    where
        Self::Features: Is<I>;
}

#[diagnostic::do_not_recommend]
impl<B: Dim, F: Dim> OneVector for (B, F) {
    type Batch = B;
    type Features = F;

    fn vectors<const I: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<(B, F), E, D, T>,
    ) -> Result<Tensor<(B, Const<I>), E, D, T>, Error> {
        sized(x)
    }
}

/// A sequence of vectors, masked or not: `(Batch, Length, Features)` or
/// `Masked<(Batch, Length, Features)>`.
#[words(STEPS)]
#[diagnostic::on_unimplemented(
    message = "a sequence is needed here, `(Batch, Length, Features)`, but `{Self}` arrives",
    label = "this layer takes a sequence",
    note = "one vector: the recurrent layer before this one must hand on its sequence, `Lstm<_, N, Sequences>` in place of `Lstm<_, N>`, also within a `Bidirectional`; images: `GlobalAveragePooling2d`, or `Reshape<..>` makes a sequence of rows; token ids: `Embedding`; two outputs: `#[from(name.0)]` takes one of them, of a `ReturnState` `#[from(name.output)]`"
)]
pub trait Steps: Signal {
    /// The batch dimension.
    type Batch: Dim;
    /// The dimension of time.
    type Length: Dim;
    /// The dimension of the features.
    type Features: Dim;
    /// The sequence with other features, masked if this one is.
    type With<F: Dim>: Signal;

    /// The values and the mask, apart.
    fn split<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Self::Data<E, D, T>,
    ) -> (Tensor<(Self::Batch, Self::Length, Self::Features), E, D, T>, Option<Mask>);

    /// The values and the mask, together again.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the mask has another batch or length than the values.
    fn join<F: Dim, E: Element, D: Backend<E>, T: Tape<E, D>>(
        values: Tensor<(Self::Batch, Self::Length, F), E, D, T>,
        mask: Option<Mask>,
    ) -> Result<<Self::With<F> as Signal>::Data<E, D, T>, Error>;
}

#[diagnostic::do_not_recommend]
impl<B: Dim, L: Dim, F: Dim> Steps for (B, L, F) {
    type Batch = B;
    type Length = L;
    type Features = F;
    type With<G: Dim> = (B, L, G);

    fn split<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<Self, E, D, T>,
    ) -> (Tensor<(B, L, F), E, D, T>, Option<Mask>) {
        (x, None)
    }

    fn join<G: Dim, E: Element, D: Backend<E>, T: Tape<E, D>>(
        values: Tensor<(B, L, G), E, D, T>,
        _: Option<Mask>,
    ) -> Result<Tensor<(B, L, G), E, D, T>, Error> {
        Ok(values)
    }
}

#[diagnostic::do_not_recommend]
impl<B: Dim, L: Dim, F: Dim> Steps for Masked<(B, L, F)> {
    type Batch = B;
    type Length = L;
    type Features = F;
    type With<G: Dim> = Masked<(B, L, G)>;

    fn split<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Masked<Tensor<(B, L, F), E, D, T>>,
    ) -> (Tensor<(B, L, F), E, D, T>, Option<Mask>) {
        let (values, mask) = x.into_parts();
        (values, Some(mask))
    }

    fn join<G: Dim, E: Element, D: Backend<E>, T: Tape<E, D>>(
        values: Tensor<(B, L, G), E, D, T>,
        mask: Option<Mask>,
    ) -> Result<Masked<Tensor<(B, L, G), E, D, T>>, Error> {
        let (batch, length) = (values.shape().0.size(), values.shape().1.size());
        let mask = mask.map_or_else(|| Mask::try_full(batch, length), Ok)?;
        Masked::new(values, mask)
    }
}

/// Token ids in time: `Ids<(Batch, Length)>`.
#[words(TOKEN_IDS)]
#[diagnostic::on_unimplemented(
    message = "token ids are needed here, `Ids<(Batch, Length)>`, but `{Self}` arrives",
    label = "this layer looks up token ids",
    note = "ids are whole numbers, `usize`, and are declared as such: `#[model(input = Ids<(Batch, Length)>)]`",
    note = "one-hot rows need no `Embedding`: feed them to the next layer as they are, or turn them into ids; of several inputs `#[from(input.0)]` takes one"
)]
pub trait TokenIds: Signal {
    /// The batch dimension.
    type Batch: Dim;
    /// The dimension of time.
    type Length: Dim;

    /// The data as the tensor that it is.
    fn ids<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Self::Data<E, D, T>,
    ) -> Tensor<(Self::Batch, Self::Length), usize, D, T>;
}

#[diagnostic::do_not_recommend]
impl<B: Dim, L: Dim> TokenIds for Ids<(B, L)> {
    type Batch = B;
    type Length = L;

    fn ids<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<(B, L), usize, D, T>,
    ) -> Tensor<(B, L), usize, D, T> {
        x
    }
}
