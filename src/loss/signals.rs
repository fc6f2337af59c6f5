//! Which signals are predictions, and which target fits which prediction.

use dfdx::{
    shapes::{Const, HasShape},
    tensor::{NoneTape, Tape, Tensor},
};

use crate::{
    backend::{
        Backend, Element, IntoShape,
        memory::{collected, elements},
        to_values,
    },
    error::{Error, OrDevice},
    shape::{Dim, FitsDim, Sequence, Shape},
    signal::{Ids, Mask, Masked, One, Outputs, Signal},
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
    label = "no loss can be computed from this",
    note = "of several outputs each has a loss of its own, and metrics by `metric_of(Model::NAME, ..)`; ids and shapes of an unknown last size are no predictions either"
)]
pub trait Prediction: Outputs<Number = One> {
    /// The prediction as rows; nothing is copied.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn rows<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Self::Data<E, D, T>,
    ) -> Result<Rows<E, D, T>, Error>;
}

/// Numbers that can be compared with the prediction `P`: the same shape, as values or as whole numbers. Where the
/// prediction has one value a position, whole numbers need no axis for it: yes and no are `Vec<bool>`. Those of a masked
/// prediction may be masked too, as a `Ragged` is.
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

/// Targets of the shape `P` of a prediction; a size may be known at run time only.
pub trait TargetShape<P: Shape>: Shape {}

/// Class labels for predictions of the shape `P`: one for each position.
pub trait LabelShape<P: Shape>: Shape {}

/// Whole numbers that are values of a target for predictions of the shape `P`: a number for each value, or for each
/// position if it has one value.
pub trait IdShape<P: Shape>: Shape {}

macro_rules! shapes {
    ($($dim:ident $to:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<B: Dim, $($dim: Dim,)* const V: usize> Prediction for (B, $($dim,)* Const<V>) {
            fn rows<E: Element, D: Backend<E>, T: Tape<E, D>>(
                x: Tensor<Self, E, D, T>,
            ) -> Result<Rows<E, D, T>, Error> {
                let (values, sizes) = rows(x)?;
                Ok(Rows { values, mask: None, sizes })
            }
        }

        impl<B: Dim, C: FitsDim<B>, $($dim: Dim, $to: FitsDim<$dim>,)* W: FitsDim<Const<V>>, const V: usize>
            TargetShape<(B, $($dim,)* Const<V>)> for (C, $($to,)* W) {}

        impl<B: Dim, C: FitsDim<B>, $($dim: Dim, $to: FitsDim<$dim>,)* const V: usize>
            LabelShape<(B, $($dim,)* Const<V>)> for (C, $($to,)*) {}

        impl<B: Dim, C: FitsDim<B>, $($dim: Dim, $to: FitsDim<$dim>,)* W: FitsDim<Const<V>>, const V: usize>
            IdShape<(B, $($dim,)* Const<V>)> for (C, $($to,)* W) {}

        impl<B: Dim, C: FitsDim<B>, $($dim: Dim, $to: FitsDim<$dim>,)*>
            IdShape<(B, $($dim,)* Const<1>)> for (C, $($to,)*) {}
    };
}
shapes!();
shapes!(L X);
shapes!(L X F Y);
shapes!(L X F Y G Z);

macro_rules! masked {
    ($($dim:ident)*) => {
        #[diagnostic::do_not_recommend]
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
    };
}
masked!();
masked!(F);
masked!(F G);

/// Targets and labels of a prediction: of plain ones, and of masked ones of the same shape.
macro_rules! targets {
    ($shape:ident, $prediction:ty) => {
        #[diagnostic::do_not_recommend]
        impl<S: TargetShape<P>, P: $shape> Target<$prediction> for S
        where
            $prediction: Prediction,
        {
            fn rows<E: Element, D: Backend<E>>(
                y: &Tensor<S, E, D>,
            ) -> Result<Tensor<(usize, usize), E, D>, Error> {
                Ok(rows(y.clone())?.0)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<S: IdShape<P>, P: $shape> Target<$prediction> for Ids<S>
        where
            $prediction: Prediction,
        {
            fn rows<E: Element, D: Backend<E>>(
                y: &Tensor<S, usize, D>,
            ) -> Result<Tensor<(usize, usize), E, D>, Error> {
                let sizes: Vec<usize> = y.shape().concrete().into();
                // Without an axis of values there is one a position.
                let (values, positions) = match sizes.split_last() {
                    Some((&last, rest)) if S::NUM_DIMS == P::NUM_DIMS => (last, elements(rest)?),
                    _ => (1, elements(&sizes)?),
                };
                let y_values = to_values(y)?.into_iter().map(|id| E::of(id as f64));
                let y_values = collected(&[positions, values], y_values)?;
                y.device().try_tensor_from_vec(y_values, (positions, values)).or_device()
            }
        }

        #[diagnostic::do_not_recommend]
        impl<S: LabelShape<P>, P: $shape> Labels<$prediction> for Ids<S>
        where
            $prediction: Prediction,
        {
            fn labels<E: Element, D: Backend<E>>(
                y: &Tensor<S, usize, D>,
            ) -> Result<Vec<usize>, Error> {
                to_values(y)
            }
        }
    };
}
targets!(Shape, P);
targets!(Sequence, Masked<P>);

/// Sequences of any length have a mask of their own, which [`Signal::check_real`] holds against that of the prediction.
#[diagnostic::do_not_recommend]
impl<S: Sequence + TargetShape<P>, P: Sequence> Target<Masked<P>> for Masked<S>
where
    Masked<P>: Prediction,
{
    fn rows<E: Element, D: Backend<E>>(
        y: &Masked<Tensor<S, E, D>>,
    ) -> Result<Tensor<(usize, usize), E, D>, Error> {
        Ok(rows(y.values().clone())?.0)
    }
}

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
