//! One time step of a signal: as slices within a stream, as rows at its door.

use super::{Ids, Inputs, Masked, Signal};
use crate::{
    backend::Element,
    error::Error,
    memory::filled,
    shape::{Const, Dim, Sequence, Shape},
    tuples::several,
};

/// Values whose step is a slice: `WIDTH` of them for each row of the batch, masked or not.
///
/// A vector for each sample, `(Batch, Features)`, has no time: it is all there at each step.
#[diagnostic::on_unimplemented(
    message = "the values of one step of `{Self}` cannot be counted",
    label = "a stream goes step by step",
    note = "a stream carries `(Batch, Length, Features)`, masked or not, and `(Batch, Features)`, with numbers for all but batch and length"
)]
pub trait StepValues: Signal {
    /// How many values a step has for each row of the batch.
    const WIDTH: usize;
    /// How many of them are on the last axis.
    const FEATURES: usize;
    /// A step of one row of the batch: `[E; FEATURES]`, or an array of them.
    type Row<E: Element>: Copy + 'static;

    /// The values, and which rows have a real step, if there is a mask.
    fn unpack<'a, E: Element>(step: Self::StepData<'a, E>) -> (&'a [E], Option<&'a [bool]>);

    /// The way back.
    fn pack<'a, E: Element>(values: &'a [E], keep: Option<&'a [bool]>) -> Self::StepData<'a, E>;

    /// The values of rows, one after the other.
    fn flat<E: Element>(rows: &[Self::Row<E>]) -> &[E];

    /// The rows of values.
    fn rows<E: Element>(values: &[E]) -> &[Self::Row<E>];
}

macro_rules! step_values {
    ([$($axis:ident)*] [$($size:ident)*] $row:ty, $features:ident, $flat:expr, $rows:expr) => {
        #[diagnostic::do_not_recommend]
        impl<$($axis: Dim,)* $(const $size: usize),*> StepValues for ($($axis,)* $(Const<$size>,)*) {
            const WIDTH: usize = 1 $(* $size)*;
            const FEATURES: usize = $features;
            type Row<E: Element> = $row;

            fn unpack<'a, E: Element>(
                step: <Self as Signal>::StepData<'a, E>,
            ) -> (&'a [E], Option<&'a [bool]>) {
                (step, None)
            }

            fn pack<'a, E: Element>(
                values: &'a [E],
                _: Option<&'a [bool]>,
            ) -> <Self as Signal>::StepData<'a, E> {
                values
            }

            fn flat<E: Element>(rows: &[$row]) -> &[E] {
                let flat: fn(&[$row]) -> &[E] = $flat;
                flat(rows)
            }

            fn rows<E: Element>(values: &[E]) -> &[$row] {
                let rows: fn(&[E]) -> &[$row] = $rows;
                rows(values)
            }
        }
    };
}
step_values!([B] [F] [E; F], F, |rows| rows.as_flattened(), |values| values.as_chunks().0);
step_values!([B L] [F] [E; F], F, |rows| rows.as_flattened(), |values| values.as_chunks().0);
step_values!(
    [B L] [G F] [[E; F]; G], F,
    |rows| rows.as_flattened().as_flattened(),
    |values| values.as_chunks().0.as_chunks().0
);

#[diagnostic::do_not_recommend]
impl<S: Sequence + StepValues> StepValues for Masked<S> {
    const WIDTH: usize = S::WIDTH;
    const FEATURES: usize = S::FEATURES;
    type Row<E: Element> = S::Row<E>;

    fn unpack<'a, E: Element>(
        (values, keep): <Self as Signal>::StepData<'a, E>,
    ) -> (&'a [E], Option<&'a [bool]>) {
        (values, Some(keep))
    }

    fn pack<'a, E: Element>(
        values: &'a [E],
        keep: Option<&'a [bool]>,
    ) -> <Self as Signal>::StepData<'a, E> {
        (values, keep.unwrap_or_default())
    }

    fn flat<E: Element>(rows: &[S::Row<E>]) -> &[E] {
        S::flat(rows)
    }

    fn rows<E: Element>(values: &[E]) -> &[S::Row<E>] {
        S::rows(values)
    }
}

/// A signal that goes into a model, or comes out of it, step by step.
///
/// | signal | a step of it |
/// | --- | --- |
/// | `(Batch, Length, F)`, `(Batch, F)` | `&[[E; F]]`, one for each row of the batch |
/// | `Masked<(Batch, Length, F)>` | `(&[[E; F]], &[bool])`, where `true` is a real step |
/// | `Ids<(Batch, Length)>`, `Ids<(Batch,)>` | `&[usize]` |
/// | `Inputs<(A, B, ..)>` | a tuple of these |
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be fed or read step by step",
    label = "a stream goes step by step",
    note = "a stream takes and gives `(Batch, Length, Features)`, masked or not, `(Batch, Features)`, ids, and `Inputs` of these"
)]
pub trait StepRows: Signal {
    /// A step of it: something for each row of the batch.
    type Rows<'a, E: Element>: Copy;
    /// A step that is kept.
    type Kept<E: Element>: Send;

    /// Room for a step.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no memory for it.
    fn room<E: Element>(rows: usize) -> Result<Self::Kept<E>, Error>;

    /// Keeps a step.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if it has another number of rows than there is room for.
    fn keep<E: Element>(step: Self::Rows<'_, E>, room: &mut Self::Kept<E>) -> Result<(), Error>;

    /// The step that is kept, as layers take it.
    fn step<E: Element>(kept: &Self::Kept<E>) -> Self::StepData<'_, E>;

    /// What a layer gives, in rows.
    fn rows<'a, E: Element>(step: Self::StepData<'a, E>) -> Self::Rows<'a, E>;
}

/// A step of values, of ids or of a mask.
#[derive(Debug, Clone)]
#[doc(hidden)]
pub struct KeptStep<T> {
    values: Vec<T>,
    rows: usize,
}

impl<T: Copy + Default> KeptStep<T> {
    fn room(rows: usize, each: usize) -> Result<Self, Error> {
        Ok(Self { values: filled(&[rows, each], T::default())?, rows })
    }

    fn keep(&mut self, values: &[T], rows: usize) -> Result<(), Error> {
        if rows != self.rows {
            return Err(Error::mismatch("the rows of a step", self.rows, rows));
        }
        self.values.copy_from_slice(values);
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl<S: Shape + StepValues> StepRows for S {
    type Rows<'a, E: Element> = &'a [S::Row<E>];
    type Kept<E: Element> = KeptStep<E>;

    fn room<E: Element>(rows: usize) -> Result<KeptStep<E>, Error> {
        KeptStep::room(rows, S::WIDTH)
    }

    fn keep<E: Element>(step: &[S::Row<E>], room: &mut KeptStep<E>) -> Result<(), Error> {
        room.keep(S::flat(step), step.len())
    }

    fn step<E: Element>(kept: &KeptStep<E>) -> <S as Signal>::StepData<'_, E> {
        S::pack(&kept.values, None)
    }

    fn rows<'a, E: Element>(step: <S as Signal>::StepData<'a, E>) -> &'a [S::Row<E>] {
        <S as StepValues>::rows(S::unpack(step).0)
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sequence + StepValues> StepRows for Masked<S> {
    type Rows<'a, E: Element> = (&'a [S::Row<E>], &'a [bool]);
    type Kept<E: Element> = (KeptStep<E>, KeptStep<bool>);

    fn room<E: Element>(rows: usize) -> Result<Self::Kept<E>, Error> {
        Ok((KeptStep::room(rows, S::WIDTH)?, KeptStep::room(rows, 1)?))
    }

    fn keep<E: Element>(
        (step, real): (&[S::Row<E>], &[bool]),
        (values, keep): &mut Self::Kept<E>,
    ) -> Result<(), Error> {
        values.keep(S::flat(step), step.len())?;
        keep.keep(real, real.len())
    }

    fn step<E: Element>((values, keep): &Self::Kept<E>) -> (&[E], &[bool]) {
        (&values.values, &keep.values)
    }

    fn rows<'a, E: Element>(
        (values, keep): <Self as Signal>::StepData<'a, E>,
    ) -> Self::Rows<'a, E> {
        (<S as StepValues>::rows(values), keep)
    }
}

#[diagnostic::do_not_recommend]
impl<S: Shape> StepRows for Ids<S> {
    type Rows<'a, E: Element> = &'a [usize];
    type Kept<E: Element> = KeptStep<usize>;

    fn room<E: Element>(rows: usize) -> Result<KeptStep<usize>, Error> {
        KeptStep::room(rows, 1)
    }

    fn keep<E: Element>(step: &[usize], room: &mut KeptStep<usize>) -> Result<(), Error> {
        room.keep(step, step.len())
    }

    fn step<E: Element>(kept: &KeptStep<usize>) -> &[usize] {
        &kept.values
    }

    fn rows<'a, E: Element>(step: <Self as Signal>::StepData<'a, E>) -> Self::Rows<'a, E> {
        step
    }
}

macro_rules! side_by_side {
    ($($S:ident $at:tt)*) => {
        #[diagnostic::do_not_recommend]
        impl<$($S: StepRows),*> StepRows for Inputs<($($S,)*)> {
            type Rows<'a, E: Element> = ($($S::Rows<'a, E>,)*);
            type Kept<E: Element> = ($($S::Kept<E>,)*);

            fn room<E: Element>(rows: usize) -> Result<Self::Kept<E>, Error> {
                Ok(($($S::room(rows)?,)*))
            }

            fn keep<E: Element>(
                step: Self::Rows<'_, E>,
                room: &mut Self::Kept<E>,
            ) -> Result<(), Error> {
                $($S::keep(step.$at, &mut room.$at)?;)*
                Ok(())
            }

            fn step<E: Element>(kept: &Self::Kept<E>) -> Self::StepData<'_, E> {
                ($($S::step(&kept.$at),)*)
            }

            fn rows<'a, E: Element>(step: Self::StepData<'a, E>) -> Self::Rows<'a, E> {
                ($($S::rows(step.$at),)*)
            }
        }
    };
}
several!(side_by_side);
