use dfdx::{
    prelude::{HasShape, TryConcatAlong},
    shapes::{Axis, Const, Dim, Shape},
    tensor::{PutTape, SplitTape, Tape, Tensor},
};

use super::{same_sizes, stream::MergeStepper};
use crate::{
    backend::{
        Backend, Element, IntoShape, apart,
        memory::{elements, elements_of},
    },
    error::{Error, OrDevice},
    layer,
    layer::{Infer, Layer},
    shape::{Fault, Words},
    signal::{Inputs, Masked, Signal, StepValues},
    stream::Streamable,
};

/// Two inputs that differ in their features only: what [`Concatenate`] takes.
#[diagnostic::on_unimplemented(
    message = "two inputs that differ in their features only are needed here, but `{Self}` arrives",
    label = "this layer puts the features of two inputs side by side",
    note = "in a `#[model]`, `#[from(a, b)]` on the field names the two"
)]
pub trait SideBySide: Signal {
    /// The features of both together.
    const FEATURES: usize;
    /// The two as one signal, with `N` features.
    type Out<const N: usize>: Signal;

    /// Puts the features side by side.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the two have different sizes.
    fn concatenate<const N: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Self::Data<E, D, T>,
    ) -> Result<<Self::Out<N> as Signal>::Data<E, D, T>, Error>;
}

/// A signal that differs from another in its features only: the first of two that are [`SideBySide`].
#[diagnostic::on_unimplemented(
    message = "two inputs that differ in their features only are needed here, but `{Self}` and `{Other}` arrive",
    label = "this layer puts features side by side, both inputs masked or both not",
    note = "the last state of a sequence is one vector: `Lstm<_, N>`; `Unmask` drops a mask on purpose"
)]
pub trait BesideOther<Other: Signal>: Signal {
    /// [`SideBySide::FEATURES`].
    const FEATURES: usize;
    /// [`SideBySide::Out`].
    type Out<const N: usize>: Signal;

    /// [`SideBySide::concatenate`].
    ///
    /// # Errors
    /// Those of [`SideBySide::concatenate`].
    fn concatenate<const N: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
        a: Self::Data<E, D, T>,
        b: Other::Data<E, D, T>,
    ) -> Result<<Self::Out<N> as Signal>::Data<E, D, T>, Error>;
}

impl<A: BesideOther<B>, B: Signal> SideBySide for Inputs<(A, B)> {
    const FEATURES: usize = A::FEATURES;
    type Out<const N: usize> = A::Out<N>;

    fn concatenate<const N: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
        (a, b): Self::Data<E, D, T>,
    ) -> Result<<A::Out<N> as Signal>::Data<E, D, T>, Error> {
        A::concatenate::<N, E, D, T>(a, b)
    }
}

/// Puts the features of two inputs side by side; `N` is the number of both together, or `_` in a
/// `#[model]`.
///
/// Keras: [`Concatenate`](https://keras.io/api/layers/merging_layers/concatenate/) along the last axis.
///
/// # Shapes
/// - input `Inputs<((Batch, .., A), (Batch, .., B))>`, both masked or both not
/// - output `(Batch, .., A + B)`; of two masks, a step is kept that one of them keeps
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

const fn wrong_features(n: usize, both: usize) -> Fault {
    if n == both {
        return Fault::NONE;
    }
    Fault::new(&[
        Words::Text("both inputs together have "),
        Words::Number(both),
        Words::Text(" features, but this is `Concatenate<"),
        Words::Number(n),
        Words::Text(">`: write `Concatenate<_>`"),
    ])
}

impl<In: SideBySide, const N: usize> Infer<In> for Concatenate<N> {
    const SIZE: usize = In::FEATURES;
}

/// As rows, one a position.
fn rows<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
) -> Result<Tensor<(usize, usize), E, D, T>, Error> {
    let sizes: Vec<usize> = x.shape().concrete().into();
    let (features, outer) = sizes.split_last().unwrap_or((&1, &[]));
    x.into_shape(&(elements(outer)?, *features))
}

fn concatenate<A, B, O, E, D, T>(
    a: Tensor<A, E, D, T>,
    b: Tensor<B, E, D, T>,
    shape: O,
) -> Result<Tensor<O, E, D, T>, Error>
where
    A: Shape,
    B: Shape,
    O: Shape,
    E: Element,
    D: Backend<E>,
    T: Tape<E, D>,
{
    let (a, b) = (rows(a)?, rows(b)?);
    // dfdx cannot go over tensors without numbers.
    let (without_a, without_b) = (elements_of(&a)? == 0, elements_of(&b)? == 0);
    let both: Tensor<(usize, usize), E, D, T> = if without_a || without_b {
        let ((a, tape), (b, other)) = (a.split_tape(), b.split_tape());
        (if without_a { b } else { a }).put_tape(tape.merge(other))
    } else {
        let b = apart(&a, b)?;
        (a, b).try_concat_along(Axis::<1>).or_device()?
    };
    both.into_shape(&shape)
}

macro_rules! beside {
    ($($dim:ident $i:tt)*) => {
        #[diagnostic::do_not_recommend]
        impl<Rows: Dim, $($dim: Dim,)* const A: usize, const B: usize>
            BesideOther<(Rows, $($dim,)* Const<B>)> for (Rows, $($dim,)* Const<A>)
        {
            const FEATURES: usize = A + B;
            type Out<const N: usize> = (Rows, $($dim,)* Const<N>);

            fn concatenate<const N: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
                a: Tensor<Self, E, D, T>,
                b: Tensor<(Rows, $($dim,)* Const<B>), E, D, T>,
            ) -> Result<Tensor<Self::Out<N>, E, D, T>, Error> {
                let (shape, other) = (*a.shape(), *b.shape());
                same_sizes(&(shape.0, $(shape.$i,)*), &(other.0, $(other.$i,)*))?;
                concatenate(a, b, (shape.0, $(shape.$i,)* Const))
            }
        }
    };
}
beside!();
beside!(L 1);
beside!(L 1 M 2);

#[diagnostic::do_not_recommend]
impl<Rows: Dim, L: Dim, const A: usize, const B: usize> BesideOther<Masked<(Rows, L, Const<B>)>>
    for Masked<(Rows, L, Const<A>)>
{
    const FEATURES: usize = A + B;
    type Out<const N: usize> = Masked<(Rows, L, Const<N>)>;

    fn concatenate<const N: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
        a: Masked<Tensor<(Rows, L, Const<A>), E, D, T>>,
        b: Masked<Tensor<(Rows, L, Const<B>), E, D, T>>,
    ) -> Result<<Self::Out<N> as Signal>::Data<E, D, T>, Error> {
        let ((a, mask), (b, other)) = (a.into_parts(), b.into_parts());
        let a = D::bounded_padding(a, Some(&mask))?;
        let b = D::bounded_padding(b, Some(&other))?;
        let mask = mask.or(&other)?;
        let values =
            <(Rows, L, Const<A>) as BesideOther<(Rows, L, Const<B>)>>::concatenate::<N, E, D, T>(
                a, b,
            )?;
        Masked::new(values, mask)
    }
}

#[diagnostic::do_not_recommend]
impl<A, B, const N: usize, E, D> Streamable<Inputs<(A, B)>, E, D> for Concatenate<N>
where
    A: BesideOther<B, Out<N>: StepValues> + StepValues,
    B: StepValues,
    E: Element,
    D: Backend<E>,
{
    type State = ();
    type Stepper = MergeStepper<E>;

    fn begin(&self, rows: usize) -> Result<(MergeStepper<E>, ()), Error> {
        const { <Self as Layer<Inputs<(A, B)>, E, D>>::FAULT.tell() };
        Ok((MergeStepper::new(rows, A::WIDTH + B::WIDTH)?, ()))
    }

    fn step<'a>(
        stepper: &'a mut MergeStepper<E>,
        (): &mut (),
        (a, b): (A::StepData<'a, E>, B::StepData<'a, E>),
    ) -> Result<<A::Out<N> as Signal>::StepData<'a, E>, Error> {
        let features = [<A as StepValues>::FEATURES, B::FEATURES];
        let keep = stepper.beside(features, A::unpack(a), B::unpack(b));
        Ok(<A::Out<N> as StepValues>::pack(&stepper.values, keep.then_some(&stepper.keep)))
    }
}
