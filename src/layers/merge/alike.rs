use dfdx::{
    prelude::HasShape,
    shapes::Shape as _,
    tensor::{PutTape, SplitTape, Tape, Tensor},
};

use super::stream::Rows;
use crate::{
    backend::{Backend, Element, apart, memory::elements_of},
    error::Error,
    shape::{Sequence, Shape},
    signal::{Inputs, Mask, Masked, Signal, StepValues},
    tuples::several,
};

/// Inputs of one shape, two to six: what a layer takes that merges them number by number.
#[diagnostic::on_unimplemented(
    message = "inputs of one shape are needed here, two or more, but `{Self}` arrives",
    label = "this layer merges inputs of one shape",
    note = "in a `#[model]`, `#[from(a, b)]` on the field names them"
)]
pub trait Alike: Signal {
    /// The shape of each.
    type Shape: Shape;
    /// The one signal that is made of them.
    type Out: Signal;
    /// How many there are.
    const COUNT: usize;

    /// Merges the numbers, with an eye on the masks, of which there is one for each or none; a step is kept that one of
    /// them keeps. What is NaN, infinite or huge in padding counts as 0.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if they have different sizes; those of `f`.
    fn merge<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Self::Data<E, D, T>,
        f: impl FnOnce(
            Vec<Tensor<Self::Shape, E, D, T>>,
            &[Mask],
        ) -> Result<Tensor<Self::Shape, E, D, T>, Error>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error>;
}

/// Numbers of a shape, masked or not, taken apart and put together.
#[diagnostic::on_unimplemented(
    message = "numbers are needed here, but `{Self}` arrives",
    label = "this layer merges numbers",
    note = "token ids become numbers in an `Embedding`"
)]
pub trait Mergeable: Signal {
    /// The shape of the numbers.
    type Shape: Shape;

    /// The numbers, and the mask if there is one.
    fn split<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Self::Data<E, D, T>,
    ) -> (Tensor<Self::Shape, E, D, T>, Option<Mask>);

    /// Numbers of the shape with a mask, where this signal has one.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the mask has another batch or length.
    fn join<E: Element, D: Backend<E>, T: Tape<E, D>>(
        values: Tensor<Self::Shape, E, D, T>,
        mask: Option<Mask>,
    ) -> Result<Self::Data<E, D, T>, Error>;
}

#[diagnostic::do_not_recommend]
impl<S: Shape> Mergeable for S {
    type Shape = S;

    fn split<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D, T>,
    ) -> (Tensor<S, E, D, T>, Option<Mask>) {
        (x, None)
    }

    fn join<E: Element, D: Backend<E>, T: Tape<E, D>>(
        values: Tensor<S, E, D, T>,
        _: Option<Mask>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        Ok(values)
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sequence> Mergeable for Masked<S> {
    type Shape = S;

    fn split<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Masked<Tensor<S, E, D, T>>,
    ) -> (Tensor<S, E, D, T>, Option<Mask>) {
        let (values, mask) = x.into_parts();
        (values, Some(mask))
    }

    fn join<E: Element, D: Backend<E>, T: Tape<E, D>>(
        values: Tensor<S, E, D, T>,
        mask: Option<Mask>,
    ) -> Result<Masked<Tensor<S, E, D, T>>, Error> {
        Masked::new(values, mask.ok_or(Error::Empty("the mask of a merge"))?)
    }
}

/// A signal of the shape of another, masked as that is: the first of some that are [`Alike`], for each of the others.
#[diagnostic::on_unimplemented(
    message = "inputs of one shape are needed here, but `{Self}` and `{Other}` arrive",
    label = "this layer merges inputs of one shape, all masked or none",
    note = "a convolution with `Same` keeps the size of an image, `UpSampling2d`, `ZeroPadding2d` and `Cropping2d` change it, and a `Conv2d<_, N, 1>` gives it `N` channels; `Unmask` drops a mask on purpose"
)]
pub trait LikeOther<Other: Signal>: Mergeable {
    /// The data of the other, which is of the same type.
    fn like<E: Element, D: Backend<E>, T: Tape<E, D>>(
        other: Other::Data<E, D, T>,
    ) -> Self::Data<E, D, T>;
}

#[diagnostic::do_not_recommend]
impl<S: Mergeable> LikeOther<S> for S {
    fn like<E: Element, D: Backend<E>, T: Tape<E, D>>(other: S::Data<E, D, T>) -> S::Data<E, D, T> {
        other
    }
}

/// Fails unless both shapes have the same sizes.
pub(super) fn same_sizes<S: PartialEq + std::fmt::Debug>(a: &S, b: &S) -> Result<(), Error> {
    if a == b { Ok(()) } else { Err(Error::mismatch("the shapes of two inputs", a, b)) }
}

/// Which steps are kept by one of the masks, if there are masks.
pub(super) fn either(masks: &[Mask]) -> Result<Option<Mask>, Error> {
    let Some((first, rest)) = masks.split_first() else { return Ok(None) };
    rest.iter().try_fold(first.clone(), |all, mask| all.or(mask)).map(Some)
}

/// What `f` makes of the first two values, of that and the third, and so on. A value may be there twice.
pub(super) fn fold<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    values: Vec<Tensor<S, E, D, T>>,
    mut f: impl FnMut(Tensor<S, E, D, T>, Tensor<S, E, D, T>) -> Result<Tensor<S, E, D, T>, Error>,
) -> Result<Tensor<S, E, D, T>, Error> {
    let mut values = values.into_iter();
    let first = values.next().ok_or(Error::Empty("the list of inputs"))?;
    values.try_fold(first, |all, value| {
        let value = apart(&all, value)?;
        f(all, value)
    })
}

type Part<S, E, D, T> = (Tensor<S, E, D, T>, Option<Mask>);

fn merged<A: Mergeable, E: Element, D: Backend<E>, T: Tape<E, D>>(
    parts: Vec<Part<A::Shape, E, D, T>>,
    f: impl FnOnce(Vec<Tensor<A::Shape, E, D, T>>, &[Mask]) -> Result<Tensor<A::Shape, E, D, T>, Error>,
) -> Result<A::Data<E, D, T>, Error> {
    let (mut values, mut masks) = (Vec::<Tensor<A::Shape, E, D, T>>::new(), Vec::new());
    for (value, mask) in parts {
        if let Some(first) = values.first() {
            same_sizes(&first.shape().concrete(), &value.shape().concrete())?;
        }
        values.push(D::bounded_padding(value, mask.as_ref())?);
        masks.extend(mask);
    }
    let mask = either(&masks)?;
    let empty = values.first().map(elements_of).transpose()? == Some(0);
    let values = match empty {
        // dfdx cannot go over tensors without numbers.
        true => fold(values, |a, b| {
            let ((a, tape), (_, other)) = (a.split_tape(), b.split_tape());
            Ok(a.put_tape(tape.merge(other)))
        })?,
        false => f(values, &masks)?,
    };
    A::join(values, mask)
}

/// Steps of inputs that are [`Alike`].
pub trait StepsAlike: Alike {
    /// How many values a step has for each row of the batch.
    const WIDTH: usize;

    /// Shows the step of each of them.
    fn each<'a, E: Element>(step: Self::StepData<'a, E>, see: impl FnMut(Rows<'a, E>));

    /// A step of what is made of them.
    fn pack<'a, E: Element>(
        values: &'a [E],
        keep: Option<&'a [bool]>,
    ) -> <Self::Out as Signal>::StepData<'a, E>;
}

macro_rules! alike {
    ($A:ident 0 $($S:ident $at:tt)*) => {
        impl<$A, $($S: Signal),*> Alike for Inputs<($A, $($S,)*)>
        where
            $A: $(LikeOther<$S> +)*
        {
            type Shape = <$A as Mergeable>::Shape;
            type Out = $A;
            const COUNT: usize = [0 $(, $at)*].len();

            fn merge<E: Element, D: Backend<E>, T: Tape<E, D>>(
                x: Self::Data<E, D, T>,
                f: impl FnOnce(
                    Vec<Tensor<Self::Shape, E, D, T>>,
                    &[Mask],
                ) -> Result<Tensor<Self::Shape, E, D, T>, Error>,
            ) -> Result<$A::Data<E, D, T>, Error> {
                let parts = vec![
                    $A::split::<E, D, T>(x.0),
                    $($A::split::<E, D, T>(<$A as LikeOther<$S>>::like::<E, D, T>(x.$at))),*
                ];
                merged::<$A, E, D, T>(parts, f)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<$A, $($S),*> StepsAlike for Inputs<($A, $($S,)*)>
        where
            $A: $(LikeOther<$S> +)* StepValues,
            $($S: StepValues,)*
        {
            const WIDTH: usize = <$A as StepValues>::WIDTH;

            fn each<'a, E: Element>(step: Self::StepData<'a, E>, mut see: impl FnMut(Rows<'a, E>)) {
                see($A::unpack(step.0));
                $(see($S::unpack(step.$at));)*
            }

            fn pack<'a, E: Element>(
                values: &'a [E],
                keep: Option<&'a [bool]>,
            ) -> <$A as Signal>::StepData<'a, E> {
                <$A as StepValues>::pack(values, keep)
            }
        }
    };
}
several!(alike);
