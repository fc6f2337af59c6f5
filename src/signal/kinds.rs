//! The kinds of signal that layers ask for, each with the words that the compiler says where another
//! kind arrives.
//!
//! A layer is implemented for every signal, under the bound of a kind: so a mistake fails at the bound,
//! and its message is the one written here.

use dfdx::{
    shapes::{Const, Dim, HasShape},
    tensor::{Tape, Tensor},
};

use kerata_macros::words;

use super::{Ids, Mask, Masked, Plain, Signal};
use crate::{
    backend::{
        Backend, Element, IntoShape,
        memory::{elements, elements_of},
        sized,
    },
    error::Error,
    never::{Never, Nobody},
    shape::{Sequence, Shape},
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

/// A sequence whose steps are handled one by one: `(Batch, Length, ..)`, masked or not.
#[words(EACH_STEP)]
#[diagnostic::on_unimplemented(
    message = "a sequence is needed here, `(Batch, Length, ..)`, but `{Self}` arrives",
    label = "this layer is applied to each step of a sequence",
    note = "one vector: the recurrent layer before this one must hand on its sequence, `Lstm<_, N, Sequences>` in place of `Lstm<_, N>`, also within a `Bidirectional`; without time steps use the layer inside by itself; two outputs: `#[from(name.0)]` takes one of them, of a `ReturnState` `#[from(name.output)]`"
)]
pub trait EachStep: Signal {
    /// The batch dimension.
    type Batch: Dim;
    /// The dimension of time.
    type Length: Dim;
    /// The shape of a batch in which each step is a sample: `(Batch * Length, ..)`.
    type Step: Plain;
    /// Another sequence, masked if this one is.
    type With<S: Sequence>: Signal;

    /// The steps as samples; then batch, length and mask.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn split<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Self::Data<E, D, T>,
    ) -> Result<(Tensor<Self::Step, E, D, T>, Self::Batch, Self::Length, Option<Mask>), Error>;

    /// A sequence and the mask, together again.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the mask has another batch or length than the values.
    fn join<S: Sequence, E: Element, D: Backend<E>, T: Tape<E, D>>(
        values: Tensor<S, E, D, T>,
        mask: Option<Mask>,
    ) -> Result<<Self::With<S> as Signal>::Data<E, D, T>, Error>;
}

/// The way back from [`EachStep::Step`]: `(Batch * Length, ..)` to `(B, L, ..)`.
#[diagnostic::on_unimplemented(
    message = "the layer inside gives `{Self}` for each step, which makes no sequence",
    label = "this layer is applied to each step of a sequence"
)]
pub trait UnfoldSteps<B: Dim, L: Dim>: Plain {
    /// The shape with batch and time apart.
    type Unfolded: Sequence;

    /// The shape value.
    fn unfold(&self, batch: B, length: L) -> Self::Unfolded;
}

macro_rules! each_step {
    ($($dim:ident $i:tt $j:tt)*) => {
        #[diagnostic::do_not_recommend]
        impl<B: Dim, L: Dim, $($dim: Dim),*> UnfoldSteps<B, L> for (usize, $($dim,)*) {
            type Unfolded = (B, L, $($dim,)*);

            fn unfold(&self, batch: B, length: L) -> Self::Unfolded {
                (batch, length, $(self.$j,)*)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<B: Dim, L: Dim, $($dim: Dim),*> EachStep for (B, L, $($dim,)*) {
            type Batch = B;
            type Length = L;
            type Step = (usize, $($dim,)*);
            type With<S: Sequence> = S;

            fn split<E: Element, D: Backend<E>, T: Tape<E, D>>(
                x: Tensor<Self, E, D, T>,
            ) -> Result<(Tensor<Self::Step, E, D, T>, B, L, Option<Mask>), Error> {
                let shape = *x.shape();
                let steps = elements(&[shape.0.size(), shape.1.size()])?;
                let step = (steps, $(shape.$i,)*);
                Ok((x.into_shape(&step)?, shape.0, shape.1, None))
            }

            fn join<S: Sequence, E: Element, D: Backend<E>, T: Tape<E, D>>(
                values: Tensor<S, E, D, T>,
                _: Option<Mask>,
            ) -> Result<Tensor<S, E, D, T>, Error> {
                Ok(values)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<B: Dim, L: Dim, $($dim: Dim),*> EachStep for Masked<(B, L, $($dim,)*)> {
            type Batch = B;
            type Length = L;
            type Step = (usize, $($dim,)*);
            type With<S: Sequence> = Masked<S>;

            fn split<E: Element, D: Backend<E>, T: Tape<E, D>>(
                x: Masked<Tensor<(B, L, $($dim,)*), E, D, T>>,
            ) -> Result<(Tensor<Self::Step, E, D, T>, B, L, Option<Mask>), Error> {
                let (values, mask) = x.into_parts();
                let (values, batch, length, _) = <(B, L, $($dim,)*) as EachStep>::split(values)?;
                Ok((values, batch, length, Some(mask)))
            }

            fn join<S: Sequence, E: Element, D: Backend<E>, T: Tape<E, D>>(
                values: Tensor<S, E, D, T>,
                mask: Option<Mask>,
            ) -> Result<Masked<Tensor<S, E, D, T>>, Error> {
                let (batch, length) = values.shape().steps();
                let mask = mask.map_or_else(|| Mask::try_full(batch, length), Ok)?;
        Masked::new(values, mask)
            }
        }
    };
}
each_step!(F 2 1);
each_step!(F 2 1 G 3 2);
each_step!(F 2 1 G 3 2 H 4 3);

/// Token ids in time: `Ids<(Batch, Length)>`.
#[words(TOKEN_IDS)]
#[diagnostic::on_unimplemented(
    message = "token ids are needed here, `Ids<(Batch, Length)>`, but `{Self}` arrives",
    label = "this layer looks up token ids",
    note = "ids are whole numbers: feed a tensor of `usize`",
    note = "one-hot rows need no `Embedding`: feed them to the next layer as they are, or turn them into ids"
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

/// A dimension of the size `N`.
#[words(FEATURES)]
#[diagnostic::on_unimplemented(
    message = "the number of features must be {N} here, but `{Self}` arrives",
    label = "this layer takes features of this number, {N}",
    note = "in a `#[model]`, `_` stands for the number of features that arrives"
)]
pub trait Is<const N: usize>: Dim {}

#[diagnostic::do_not_recommend]
impl<D: Exactly<N>, const N: usize> Is<N> for D {}

/// What [`Is`] stands on. Of a trait for each size, the compiler would tell which one is implemented, at length.
#[doc(hidden)]
pub trait Exactly<const N: usize>: Dim {}

impl<const N: usize> Exactly<N> for Const<N> {}

/// The same dimension as another.
#[diagnostic::on_unimplemented(
    message = "`{D}` features are needed here, but `{Self}` arrives",
    label = "the layer within takes `{D}`",
    note = "in a `#[model]`, `_` stands for the number of features that arrives"
)]
pub trait IsDim<D: Dim>: Dim {}

impl<D: Dim> IsDim<D> for D {}
