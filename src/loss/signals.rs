//! Which signals are predictions, and which target fits which prediction.

use dfdx::{
    shapes::{Const, Dim, HasShape, Shape},
    tensor::{NoneTape, Tape, Tensor},
};

use crate::{
    backend::{Backend, Element, IntoShape, memory::elements, to_values},
    error::Error,
    signal::{Ids, Mask, Masked, Signal},
};

/// A prediction as rows, one a position.
#[derive(Debug)]
pub struct Rows<E: Element, D: Backend<E>, T> {
    /// `(Positions, Values)`.
    pub values: Tensor<(usize, usize), E, D, T>,
    /// The mask of a masked sequence.
    pub mask: Option<Mask>,
    /// The sizes of the positions: the batch, then the steps, then whatever else.
    pub sizes: Vec<usize>,
}

/// A signal that a loss or metric takes: `(Batch, .., Values)`, or a masked sequence of vectors.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no prediction: a loss takes `(Batch, .., Values)` or `Masked<(Batch, Length, .., Values)>`",
    label = "no loss can be computed from this"
)]
pub trait Prediction: Signal {
    /// The prediction as rows; nothing is copied.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn rows<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Self::Data<E, D, T>,
    ) -> Result<Rows<E, D, T>, Error>;
}

/// Numbers that can be compared with the prediction `P`: the same shape.
#[diagnostic::on_unimplemented(
    message = "the target `{Self}` does not fit the prediction `{P}`",
    label = "target and prediction do not fit",
    note = "the target has the shape of the prediction, without a mask: one-hot rows for classes",
    note = "class ids, `Ids<..>`, go with `SparseCategoricalCrossentropy` and `SparseCategoricalAccuracy`"
)]
pub trait Target<P: Prediction>: Signal {
    /// The target as rows, like the prediction.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn rows<E: Element, D: Backend<E>>(
        y: &Self::Data<E, D, NoneTape>,
    ) -> Result<Tensor<(usize, usize), E, D>, Error>;
}

/// Class labels that fit the prediction `P`: one a position.
#[diagnostic::on_unimplemented(
    message = "the labels `{Self}` do not fit the prediction `{P}`",
    label = "labels and prediction do not fit",
    note = "labels are whole numbers, one for each vector of classes: `Ids<(Batch,)>` for `(Batch, Classes)`, `Ids<(Batch, Length)>` for `(Batch, Length, Classes)`",
    note = "one-hot targets go with `CategoricalCrossentropy`"
)]
pub trait Labels<P: Prediction>: Signal {
    /// The labels, one a position.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn labels<E: Element, D: Backend<E>>(
        y: &Self::Data<E, D, NoneTape>,
    ) -> Result<Vec<usize>, Error>;
}

fn rows<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
) -> Result<(Tensor<(usize, usize), E, D, T>, Vec<usize>), Error> {
    let mut sizes: Vec<usize> = x.shape().concrete().into();
    let values = sizes.pop().unwrap_or(1);
    let shape = (elements(&sizes)?, values);
    Ok((x.into_shape(&shape)?, sizes))
}

macro_rules! prediction {
    ($($dim:ident)*) => {
        impl<B: Dim, $($dim: Dim,)* const V: usize> Prediction for (B, $($dim,)* Const<V>) {
            fn rows<E: Element, D: Backend<E>, T: Tape<E, D>>(
                x: Tensor<Self, E, D, T>,
            ) -> Result<Rows<E, D, T>, Error> {
                let (values, sizes) = rows(x)?;
                Ok(Rows { values, mask: None, sizes })
            }
        }

        #[diagnostic::do_not_recommend]
        impl<B: Dim, $($dim: Dim,)* const V: usize> Target<(B, $($dim,)* Const<V>)>
            for (B, $($dim,)* Const<V>)
        {
            fn rows<E: Element, D: Backend<E>>(
                y: &Tensor<Self, E, D>,
            ) -> Result<Tensor<(usize, usize), E, D>, Error> {
                Ok(rows(y.clone())?.0)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<B: Dim, $($dim: Dim,)* const V: usize> Labels<(B, $($dim,)* Const<V>)>
            for Ids<(B, $($dim,)*)>
        {
            fn labels<E: Element, D: Backend<E>>(
                y: &Tensor<(B, $($dim,)*), usize, D>,
            ) -> Result<Vec<usize>, Error> {
                to_values(y)
            }
        }
    };
}
prediction!();
prediction!(L);
prediction!(L F);
prediction!(L F G);

macro_rules! masked {
    ($($dim:ident)*) => {
        impl<B: Dim, L: Dim, $($dim: Dim,)* const V: usize> Prediction
            for Masked<(B, L, $($dim,)* Const<V>)>
        {
            fn rows<E: Element, D: Backend<E>, T: Tape<E, D>>(
                x: Masked<Tensor<(B, L, $($dim,)* Const<V>), E, D, T>>,
            ) -> Result<Rows<E, D, T>, Error> {
                let (x, mask) = x.into_parts();
                let (values, sizes) = rows(x)?;
                Ok(Rows { values, mask: Some(mask), sizes })
            }
        }

        #[diagnostic::do_not_recommend]
        impl<B: Dim, L: Dim, $($dim: Dim,)* const V: usize>
            Target<Masked<(B, L, $($dim,)* Const<V>)>> for (B, L, $($dim,)* Const<V>)
        {
            fn rows<E: Element, D: Backend<E>>(
                y: &Tensor<Self, E, D>,
            ) -> Result<Tensor<(usize, usize), E, D>, Error> {
                Ok(rows(y.clone())?.0)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<B: Dim, L: Dim, $($dim: Dim,)* const V: usize>
            Labels<Masked<(B, L, $($dim,)* Const<V>)>> for Ids<(B, L, $($dim,)*)>
        {
            fn labels<E: Element, D: Backend<E>>(
                y: &Tensor<(B, L, $($dim,)*), usize, D>,
            ) -> Result<Vec<usize>, Error> {
                to_values(y)
            }
        }
    };
}
masked!();
masked!(F);
masked!(F G);

/// Checks that there is one row of the target for each row of the prediction.
pub(crate) fn same_rows<E: Element, D: Backend<E>, T>(
    prediction: &Tensor<(usize, usize), E, D, T>,
    target: &Tensor<(usize, usize), E, D>,
) -> Result<(), Error> {
    let (expected, found) = (*prediction.shape(), *target.shape());
    if expected == found {
        Ok(())
    } else {
        Err(Error::mismatch("the positions and values of a target", expected, found))
    }
}

/// Checks that there is one label a position and that each names a class.
pub(crate) fn check_labels(
    labels: &[usize],
    positions: usize,
    classes: usize,
) -> Result<(), Error> {
    if labels.len() != positions {
        return Err(Error::mismatch("the number of labels", positions, labels.len()));
    }
    match labels.iter().position(|&label| label >= classes) {
        Some(position) => {
            Err(Error::LabelOutOfRange { label: labels[position], classes, position })
        }
        None => Ok(()),
    }
}
