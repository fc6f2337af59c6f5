//! The kinds of signal that convolutional layers ask for.

use dfdx::{
    shapes::HasShape,
    tensor::{Tape, Tensor},
};

use kerata_macros::words;

use super::Signal;
use crate::{
    backend::{Backend, Element, ImageShape, IntoShape},
    error::Error,
    shape::Dim,
};

/// Images: `(Batch, Height, Width, Channels)`.
#[words(IMAGES)]
#[diagnostic::on_unimplemented(
    message = "images are needed here, `(Batch, Height, Width, Channels)`, but `{Self}` arrives",
    label = "this layer takes images",
    note = "channels come last, also where there is one: `(Batch, 28, 28, 1)`; a sequence goes through `Conv1d`, `MaxPool1d` and their like; of several inputs `#[from(input.0)]` takes one"
)]
pub trait Images: Signal {
    /// The batch dimension.
    type Batch: Dim;
    /// The rows.
    type Height: Dim;
    /// The columns.
    type Width: Dim;
    /// The channels.
    type Channels: Dim;

    /// The images as a tensor of sizes that are known at run time, and their dimensions.
    ///
    /// # Errors
    /// [`Error::Device`].
    #[allow(clippy::type_complexity)]
    fn images<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Self::Data<E, D, T>,
    ) -> Result<
        (Tensor<ImageShape, E, D, T>, (Self::Batch, Self::Height, Self::Width, Self::Channels)),
        Error,
    >;
}

#[diagnostic::do_not_recommend]
impl<B: Dim, H: Dim, W: Dim, C: Dim> Images for (B, H, W, C) {
    type Batch = B;
    type Height = H;
    type Width = W;
    type Channels = C;

    fn images<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<Self, E, D, T>,
    ) -> Result<(Tensor<ImageShape, E, D, T>, Self), Error> {
        let dims = *x.shape();
        let sizes = (dims.0.size(), dims.1.size(), dims.2.size(), dims.3.size());
        Ok((x.into_shape(&sizes)?, dims))
    }
}

/// A sequence without a mask: `(Batch, Length, Features)`.
#[words(UNMASKED_STEPS)]
#[diagnostic::on_unimplemented(
    message = "an unmasked sequence is needed here, `(Batch, Length, Features)`, but `{Self}` arrives",
    label = "this layer takes a sequence without a mask",
    note = "a masked sequence: the mask would silently be gone, `Unmask` in front of this layer drops it on purpose; images go through `Conv2d`, `MaxPool2d` and their like; token ids through an `Embedding`; one vector: the recurrent layer before this one must hand on its sequence, `Lstm<_, N, Sequences>`; two outputs: `#[from(name.0)]` takes one of them, of a `ReturnState` `#[from(name.output)]`"
)]
pub trait UnmaskedSteps: Signal {
    /// The batch dimension.
    type Batch: Dim;
    /// The dimension of time.
    type Length: Dim;
    /// The dimension of the features.
    type Features: Dim;

    /// The sequences as images of one row, and their dimensions.
    ///
    /// # Errors
    /// [`Error::Device`].
    #[allow(clippy::type_complexity)]
    fn rows<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Self::Data<E, D, T>,
    ) -> Result<(Tensor<ImageShape, E, D, T>, (Self::Batch, Self::Length, Self::Features)), Error>;
}

#[diagnostic::do_not_recommend]
impl<B: Dim, L: Dim, F: Dim> UnmaskedSteps for (B, L, F) {
    type Batch = B;
    type Length = L;
    type Features = F;

    fn rows<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<Self, E, D, T>,
    ) -> Result<(Tensor<ImageShape, E, D, T>, Self), Error> {
        let dims = *x.shape();
        let sizes = (dims.0.size(), 1, dims.1.size(), dims.2.size());
        Ok((x.into_shape(&sizes)?, dims))
    }
}
