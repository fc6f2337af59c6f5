use dfdx::{
    prelude::{HasShape, TryConcatAlong},
    shapes::{Axis, Const, Shape},
    tensor::{PutTape, SplitTape, Tape, Tensor},
};

use super::{
    alike::{either, same_sizes},
    stream::{End, MergeStepper, Rows as StepOfRows},
};
use crate::{
    backend::{
        Backend, Element, IntoShape, apart,
        memory::{elements, elements_of},
    },
    error::{Error, OrDevice},
    layer,
    layer::{Infer, Layer},
    never::{Never, Nobody},
    shape::{Dim, Fault, Words},
    signal::{Inputs, Mask, Masked, Signal, StepValues},
    stream::Streamable,
    tuples::several,
};

/// Inputs that differ in their features only, two to six: what [`Concatenate`] takes.
#[diagnostic::on_unimplemented(
    message = "inputs that differ in their features only are needed here, two or more, but `{Self}` arrives",
    label = "this layer puts the features of its inputs side by side",
    note = "in a `#[model]`, `#[from(a, b)]` on the field names them"
)]
pub trait SideBySide: Signal {
    /// The features of all together.
    const FEATURES: usize;
    /// All as one signal, with `N` features.
    type Out<const N: usize>: Signal;

    /// Puts the features side by side.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if they have different sizes.
    fn concatenate<const N: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Self::Data<E, D, T>,
    ) -> Result<<Self::Out<N> as Signal>::Data<E, D, T>, Error>;
}

/// Numbers whose features are on the last axis, masked or not, taken apart and put together.
#[diagnostic::on_unimplemented(
    message = "numbers with features are needed here, but `{Self}` arrives",
    label = "this layer puts features side by side",
    note = "the number of features must be known: `(Batch, .., 8)`"
)]
pub trait Featured: Signal {
    /// How many features there are.
    const FEATURES: usize;
    /// The signal with `N` features.
    type Out<const N: usize>: Signal;

    /// Rows of features, the sizes in front of them, and the mask if there is one.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn rows<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Self::Data<E, D, T>,
    ) -> Result<Parts<E, D, T>, Error>;

    /// Rows of `N` features as a signal.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the sizes are not those of the rows.
    fn whole<const N: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
        parts: Parts<E, D, T>,
    ) -> Result<<Self::Out<N> as Signal>::Data<E, D, T>, Error>;
}

type Rows<E, D, T> = Tensor<(usize, usize), E, D, T>;

/// Rows of features, the sizes in front of them, and the mask if there is one.
pub(crate) type Parts<E, D, T> = (Rows<E, D, T>, Vec<usize>, Option<Mask>);

/// A signal that differs from another in its features only: the first of some that are [`SideBySide`], for each of the
/// others.
#[diagnostic::on_unimplemented(
    message = "inputs that differ in their features only are needed here, but `{Self}` and `{Other}` arrive",
    label = "this layer puts features side by side, all inputs masked or none",
    note = "images of one size: `UpSampling2d` undoes a pooling if the size was even before, `ZeroPadding2d` makes one larger, `Cropping2d` smaller; sequences of one length: `ZeroPadding1d`, `Cropping1d`, or `Same` in a convolution",
    note = "one vector of a sequence is its last state, `Lstm<_, N>`, and of an image `GlobalAveragePooling2d`; `Unmask` drops a mask on purpose"
)]
pub trait BesideOther<Other: Signal>: Featured {
    /// How many features the other has.
    const OTHER: usize;

    /// [`Featured::rows`] of the other.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn other<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Other::Data<E, D, T>,
    ) -> Result<Parts<E, D, T>, Error>;
}

/// Puts the features of its inputs side by side, two to six; `N` is the number of all together, or `_` in a
/// `#[model]`.
///
/// Keras: [`Concatenate`](https://keras.io/api/layers/merging_layers/concatenate/) along the last axis.
///
/// # Shapes
/// - input `Inputs<((Batch, .., A), (Batch, .., B), ..)>`, all masked or none
/// - output `(Batch, .., A + B + ..)`; a step is kept that one of the masks keeps
///
/// ```
/// use kerata::{Concatenate, Cpu, Error, prelude::*};
///
/// let dev = Cpu::default();
/// let both = Concatenate::<3>.forward((dev.tensor([[1.0_f32, 2.0]]), dev.tensor([[3.0_f32]])))?;
/// assert_eq!(both.array(), [[1.0, 2.0, 3.0]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(class = "Concatenate", keys(axis: fixed(-1)))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Concatenate<const N: usize>;

impl<In: SideBySide, const N: usize, E: Element, D: Backend<E>> Layer<In, E, D> for Concatenate<N> {
    type Out = In::Out<N>;

    const FAULT: Fault = wrong_features(N, In::FEATURES);

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<<In::Out<N> as Signal>::Data<E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        In::concatenate::<N, E, D, T>(x)
    }
}

const fn wrong_features(n: usize, all: usize) -> Fault {
    if n == all {
        return Fault::NONE;
    }
    Fault::new(&[
        Words::Text("the inputs together have "),
        Words::Number(all),
        Words::Text(" features, but this is `Concatenate<"),
        Words::Number(n),
        Words::Text(">`: write `Concatenate<_>`"),
    ])
}

impl<In: SideBySide, const N: usize> Infer<In> for Concatenate<N> {
    const SIZE: usize = In::FEATURES;
}

/// All rows beside each other. dfdx cannot go over tensors without numbers.
fn joined<E: Element, D: Backend<E>, T: Tape<E, D>>(
    a: Rows<E, D, T>,
    b: Rows<E, D, T>,
) -> Result<Rows<E, D, T>, Error> {
    let (without_a, without_b) = (elements_of(&a)? == 0, elements_of(&b)? == 0);
    if without_a || without_b {
        let ((a, tape), (b, other)) = (a.split_tape(), b.split_tape());
        return Ok((if without_a { b } else { a }).put_tape(tape.merge(other)));
    }
    let b = apart(&a, b)?;
    (a, b).try_concat_along(Axis::<1>).or_device()
}

fn concatenated<A: Featured, const N: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
    first: Parts<E, D, T>,
    others: Vec<Parts<E, D, T>>,
) -> Result<<A::Out<N> as Signal>::Data<E, D, T>, Error> {
    let (mut rows, front, mask) = first;
    let mut masks = Vec::from_iter(mask);
    for (other, sizes, mask) in others {
        same_sizes(&front, &sizes)?;
        rows = joined(rows, other)?;
        masks.extend(mask);
    }
    let mask = either(&masks)?;
    A::whole::<N, E, D, T>((rows, front, mask))
}

macro_rules! featured {
    ($($dim:ident $i:tt)*) => {
        #[diagnostic::do_not_recommend]
        impl<Batch: Dim, $($dim: Dim,)* const F: usize> Featured for (Batch, $($dim,)* Const<F>) {
            const FEATURES: usize = F;
            type Out<const N: usize> = (Batch, $($dim,)* Const<N>);

            fn rows<E: Element, D: Backend<E>, T: Tape<E, D>>(
                x: Tensor<Self, E, D, T>,
            ) -> Result<Parts<E, D, T>, Error> {
                let shape = *x.shape();
                let front = vec![shape.0.size(), $(shape.$i.size()),*];
                Ok((x.into_shape(&(elements(&front)?, F))?, front, None))
            }

            fn whole<const N: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
                (rows, front, _): Parts<E, D, T>,
            ) -> Result<Tensor<Self::Out<N>, E, D, T>, Error> {
                let misfit =
                    || Error::mismatch("the sizes of a tensor", crate::shape::display::<Self>(), &front);
                let shape = <Self::Out<N>>::from_concrete(&[front[0], $(front[$i],)* N]);
                rows.into_shape(&shape.ok_or_else(misfit)?)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<Batch: Dim, $($dim: Dim,)* const A: usize, const B: usize>
            BesideOther<(Batch, $($dim,)* Const<B>)> for (Batch, $($dim,)* Const<A>)
        {
            const OTHER: usize = B;

            fn other<E: Element, D: Backend<E>, T: Tape<E, D>>(
                x: Tensor<(Batch, $($dim,)* Const<B>), E, D, T>,
            ) -> Result<Parts<E, D, T>, Error> {
                <(Batch, $($dim,)* Const<B>) as Featured>::rows::<E, D, T>(x)
            }
        }
    };
}
featured!();
featured!(L 1);
featured!(L 1 M 2);

#[diagnostic::do_not_recommend]
impl<Batch: Dim, L: Dim, const F: usize> Featured for Masked<(Batch, L, Const<F>)> {
    const FEATURES: usize = F;
    type Out<const N: usize> = Masked<(Batch, L, Const<N>)>;

    fn rows<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Masked<Tensor<(Batch, L, Const<F>), E, D, T>>,
    ) -> Result<Parts<E, D, T>, Error> {
        let (values, mask) = x.into_parts();
        let values = D::bounded_padding(values, Some(&mask))?;
        let (rows, front, _) = <(Batch, L, Const<F>) as Featured>::rows::<E, D, T>(values)?;
        Ok((rows, front, Some(mask)))
    }

    fn whole<const N: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
        (rows, front, mask): Parts<E, D, T>,
    ) -> Result<<Self::Out<N> as Signal>::Data<E, D, T>, Error> {
        let parts = (rows, front, None);
        let values = <(Batch, L, Const<F>) as Featured>::whole::<N, E, D, T>(parts)?;
        Masked::new(values, mask.ok_or(Error::Empty("the mask of a merge"))?)
    }
}

#[diagnostic::do_not_recommend]
impl<Batch: Dim, L: Dim, const A: usize, const B: usize> BesideOther<Masked<(Batch, L, Const<B>)>>
    for Masked<(Batch, L, Const<A>)>
{
    const OTHER: usize = B;

    fn other<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Masked<Tensor<(Batch, L, Const<B>), E, D, T>>,
    ) -> Result<Parts<E, D, T>, Error> {
        <Masked<(Batch, L, Const<B>)> as Featured>::rows::<E, D, T>(x)
    }
}

/// Never: but the compiler shows the impl above where it is the only one.
#[diagnostic::do_not_recommend]
impl<Batch: Dim, L: Dim, const A: usize> BesideOther<Unmasked> for Masked<(Batch, L, Const<A>)>
where
    for<'a> Nobody: Never<'a>,
{
    const OTHER: usize = 0;

    fn other<E: Element, D: Backend<E>, T: Tape<E, D>>(
        _: Tensor<Unmasked, E, D, T>,
    ) -> Result<Parts<E, D, T>, Error> {
        Nobody::never()
    }
}

/// A sequence that does not stand beside a masked one.
type Unmasked = (usize, usize, Const<0>);

/// Steps of inputs that are [`SideBySide`].
pub trait StepsBeside: SideBySide {
    /// How many values a step of all has for each row of the batch.
    const WIDTH: usize;

    /// Shows the step of each of them, and how many features it has.
    fn each<'a, E: Element>(step: Self::StepData<'a, E>, see: impl FnMut(usize, StepOfRows<'a, E>));
}

macro_rules! beside {
    ($A:ident 0 $($S:ident $at:tt)*) => {
        impl<$A, $($S: Signal),*> SideBySide for Inputs<($A, $($S,)*)>
        where
            $A: $(BesideOther<$S> +)*
        {
            const FEATURES: usize =
                <$A as Featured>::FEATURES $(+ <$A as BesideOther<$S>>::OTHER)*;
            type Out<const N: usize> = <$A as Featured>::Out<N>;

            fn concatenate<const N: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
                x: Self::Data<E, D, T>,
            ) -> Result<<Self::Out<N> as Signal>::Data<E, D, T>, Error> {
                let first = $A::rows::<E, D, T>(x.0)?;
                let others = vec![$(<$A as BesideOther<$S>>::other::<E, D, T>(x.$at)?),*];
                concatenated::<$A, N, E, D, T>(first, others)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<$A, $($S),*> StepsBeside for Inputs<($A, $($S,)*)>
        where
            $A: $(BesideOther<$S> +)* StepValues,
            $($S: StepValues,)*
        {
            const WIDTH: usize = <$A as StepValues>::WIDTH $(+ $S::WIDTH)*;

            fn each<'a, E: Element>(
                step: Self::StepData<'a, E>,
                mut see: impl FnMut(usize, StepOfRows<'a, E>),
            ) {
                see(<$A as StepValues>::FEATURES, $A::unpack(step.0));
                $(see(<$S as StepValues>::FEATURES, $S::unpack(step.$at));)*
            }
        }
    };
}
several!(beside);

#[diagnostic::do_not_recommend]
impl<In, const N: usize, E, D> Streamable<In, E, D> for Concatenate<N>
where
    In: StepsBeside<Out<N>: StepValues>,
    E: Element,
    D: Backend<E>,
{
    type State = ();
    type Stepper = MergeStepper<E>;

    fn begin(&self, rows: usize) -> Result<(MergeStepper<E>, ()), Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        Ok((MergeStepper::new(rows, In::WIDTH)?, ()))
    }

    fn step<'a>(
        stepper: &'a mut MergeStepper<E>,
        (): &mut (),
        x: In::StepData<'a, E>,
    ) -> Result<<In::Out<N> as Signal>::StepData<'a, E>, Error> {
        stepper.begin(End::Values);
        let mut at = 0;
        In::each(x, |features, rows| {
            stepper.beside(at, features, In::FEATURES, rows);
            at += features;
        });
        Ok(<In::Out<N> as StepValues>::pack(&stepper.values, stepper.kept()))
    }
}
