//! Sequences whose steps become samples, and are sequences again afterwards.

use dfdx::{
    shapes::HasShape,
    tensor::{Tape, Tensor},
};

use kerata_macros::words;

use super::{Mask, Masked, Plain, Signal};
use crate::{
    backend::{Backend, Element, IntoShape, memory::elements},
    error::Error,
    shape::{Dim, Sequence},
};

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
