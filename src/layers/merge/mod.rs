//! Layers that make one signal of two.

mod concatenate;
mod stream;

pub use concatenate::{BesideOther, Concatenate, SideBySide};

use stream::{Gaps, MergeStepper};

use dfdx::{
    prelude::{HasShape, TryMul, TrySub},
    shapes::Shape,
    tensor::{PutTape, SplitTape, Tape, Tensor},
};

use crate::{
    backend::{
        ActivationKind, Backend, Element, Epilogue, apart, choose_rows, keep_rows,
        memory::elements_of,
    },
    error::{Error, OrDevice},
    fusion::Fuses,
    layer,
    layer::Layer,
    shape::Sequence,
    signal::{Inputs, Mask, Masked, Signal, StepValues},
    stream::Streamable,
};

/// Two inputs of one shape: what a layer takes that merges them number by number.
#[diagnostic::on_unimplemented(
    message = "two inputs of one shape are needed here, but `{Self}` arrives",
    label = "this layer merges two inputs of one shape",
    note = "in a `#[model]`, `#[from(a, b)]` on the field names the two"
)]
pub trait Alike: Signal {
    /// The shape of both.
    type Shape: Shape;
    /// The one signal that is made of them.
    type Out: Signal;

    /// Merges the numbers, with an eye on the masks; of two masks, a step is kept that one of them keeps. What is NaN,
    /// infinite or huge in the padding of one counts as 0.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the two have different sizes; those of `f`.
    #[allow(clippy::type_complexity)]
    fn merge<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Self::Data<E, D, T>,
        f: impl FnOnce(
            Tensor<Self::Shape, E, D, T>,
            Tensor<Self::Shape, E, D, T>,
            Option<[&Mask; 2]>,
        ) -> Result<Tensor<Self::Shape, E, D, T>, Error>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error>;
}

/// A signal of the shape of another, masked as that is: the first of two that are [`Alike`].
#[diagnostic::on_unimplemented(
    message = "two inputs of one shape are needed here, but `{Self}` and `{Other}` arrive",
    label = "this layer merges two inputs of one shape, both masked or both not",
    note = "a convolution with `Same` keeps the size of an image; `Unmask` drops a mask on purpose"
)]
pub trait LikeOther<Other: Signal>: Signal {
    /// [`Alike::Shape`].
    type Shape: Shape;
    /// [`Alike::Out`].
    type Out: Signal;

    /// [`Alike::merge`].
    ///
    /// # Errors
    /// Those of [`Alike::merge`].
    #[allow(clippy::type_complexity)]
    fn merge<E: Element, D: Backend<E>, T: Tape<E, D>>(
        a: Self::Data<E, D, T>,
        b: Other::Data<E, D, T>,
        f: impl FnOnce(
            Tensor<Self::Shape, E, D, T>,
            Tensor<Self::Shape, E, D, T>,
            Option<[&Mask; 2]>,
        ) -> Result<Tensor<Self::Shape, E, D, T>, Error>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error>;
}

impl<A: LikeOther<B>, B: Signal> Alike for Inputs<(A, B)> {
    type Shape = A::Shape;
    type Out = A::Out;

    fn merge<E: Element, D: Backend<E>, T: Tape<E, D>>(
        (a, b): Self::Data<E, D, T>,
        f: impl FnOnce(
            Tensor<A::Shape, E, D, T>,
            Tensor<A::Shape, E, D, T>,
            Option<[&Mask; 2]>,
        ) -> Result<Tensor<A::Shape, E, D, T>, Error>,
    ) -> Result<<A::Out as Signal>::Data<E, D, T>, Error> {
        A::merge(a, b, f)
    }
}

fn same_sizes<S: Shape>(a: &S, b: &S) -> Result<(), Error> {
    if a == b { Ok(()) } else { Err(Error::mismatch("the shapes of two inputs", a, b)) }
}

/// What `f` makes of two tensors, which may be one. dfdx cannot go over two without numbers.
fn unless_empty<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    a: Tensor<S, E, D, T>,
    b: Tensor<S, E, D, T>,
    f: impl FnOnce(Tensor<S, E, D, T>, Tensor<S, E, D, T>) -> Result<Tensor<S, E, D, T>, Error>,
) -> Result<Tensor<S, E, D, T>, Error> {
    if elements_of(&a)? > 0 {
        let b = apart(&a, b)?;
        return f(a, b);
    }
    let ((a, tape), (_, other)) = (a.split_tape(), b.split_tape());
    Ok(a.put_tape(tape.merge(other)))
}

#[diagnostic::do_not_recommend]
impl<S: Shape> LikeOther<S> for S {
    type Shape = S;
    type Out = S;

    fn merge<E: Element, D: Backend<E>, T: Tape<E, D>>(
        a: Tensor<S, E, D, T>,
        b: Tensor<S, E, D, T>,
        f: impl FnOnce(
            Tensor<S, E, D, T>,
            Tensor<S, E, D, T>,
            Option<[&Mask; 2]>,
        ) -> Result<Tensor<S, E, D, T>, Error>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        same_sizes(a.shape(), b.shape())?;
        unless_empty(a, b, |a, b| f(a, b, None))
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sequence> LikeOther<Masked<S>> for Masked<S> {
    type Shape = S;
    type Out = Masked<S>;

    fn merge<E: Element, D: Backend<E>, T: Tape<E, D>>(
        a: Masked<Tensor<S, E, D, T>>,
        b: Masked<Tensor<S, E, D, T>>,
        f: impl FnOnce(
            Tensor<S, E, D, T>,
            Tensor<S, E, D, T>,
            Option<[&Mask; 2]>,
        ) -> Result<Tensor<S, E, D, T>, Error>,
    ) -> Result<Masked<Tensor<S, E, D, T>>, Error> {
        same_sizes(a.values().shape(), b.values().shape())?;
        let ((a, mask), (b, other)) = (a.into_parts(), b.into_parts());
        let a = D::bounded_padding(a, Some(&mask))?;
        let b = D::bounded_padding(b, Some(&other))?;
        let merged = unless_empty(a, b, |a, b| f(a, b, Some([&mask, &other])))?;
        Masked::new(merged, mask.or(&other)?)
    }
}

/// The pass of a layer that merges two, and of one that does an activation too.
macro_rules! passes {
    ($a:ident, $b:ident, $masks:pat, [] => $merged:expr) => {
        fn call<T: Tape<E, D>>(
            &self,
            x: In::Data<E, D, T>,
        ) -> Result<<In::Out as Signal>::Data<E, D, T>, Error> {
            In::merge(x, |$a, $b, $masks| $merged)
        }
    };
    ($a:ident, $b:ident, $masks:pat, [$then:ident] => $merged:expr) => {
        const FUSES: Fuses = Fuses::Activation;

        fn call<T: Tape<E, D>>(
            &self,
            x: In::Data<E, D, T>,
        ) -> Result<<In::Out as Signal>::Data<E, D, T>, Error> {
            <Self as Layer<In, E, D>>::call_fused(self, x, ActivationKind::Nothing.into())
        }

        fn call_fused<T: Tape<E, D>>(
            &self,
            x: In::Data<E, D, T>,
            then: Epilogue<E, D>,
        ) -> Result<<In::Out as Signal>::Data<E, D, T>, Error> {
            let $then = then.activation;
            In::merge(x, |$a, $b, $masks| $merged)
        }
    };
}

macro_rules! merge {
    (
        $(#[$doc:meta])*
        $name:ident, $a:ident, $b:ident, $masks:pat $(, $then:ident)? => $merged:expr;
        each $gaps:expr, $each:expr
    ) => {
        $(#[$doc])*
        ///
        /// # Shapes
        /// - input `Inputs<(S, S)>`, or `Inputs<(Masked<S>, Masked<S>)>`: a step is kept that one of the
        ///   masks keeps
        /// - output `S`, or `Masked<S>`
        #[layer(class = stringify!($name))]
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name;

        impl<In: Alike, E: Element, D: Backend<E>> Layer<In, E, D> for $name {
            type Out = In::Out;

            passes!($a, $b, $masks, [$($then)?] => $merged);
        }

        #[diagnostic::do_not_recommend]
        impl<A, B, E: Element, D: Backend<E>> Streamable<Inputs<(A, B)>, E, D> for $name
        where
            A: LikeOther<B, Out: StepValues> + StepValues,
            B: StepValues,
        {
            type State = ();
            type Stepper = MergeStepper<E>;

            fn begin(&self, rows: usize) -> Result<(MergeStepper<E>, ()), Error> {
                Ok((MergeStepper::new(rows, A::WIDTH)?, ()))
            }

            fn step<'a>(
                stepper: &'a mut MergeStepper<E>,
                (): &mut (),
                (a, b): (A::StepData<'a, E>, B::StepData<'a, E>),
            ) -> Result<<A::Out as Signal>::StepData<'a, E>, Error> {
                let each: fn(E, E) -> E = $each;
                let keep = stepper.merge($gaps, each, A::unpack(a), B::unpack(b));
                Ok(<A::Out as StepValues>::pack(&stepper.values, keep.then_some(&stepper.keep)))
            }
        }
    };
}

merge! {
    /// The sum of two inputs, as behind a residual branch.
    ///
    /// Keras: [`Add`](https://keras.io/api/layers/merging_layers/add/).
    Add, a, b, _, then => D::add(a, b, then);
    each Gaps::Values, |a, b| a + b
}
merge! {
    /// The first input minus the second.
    ///
    /// Keras: [`Subtract`](https://keras.io/api/layers/merging_layers/subtract/).
    Subtract, a, b, _ => a.try_sub(b).or_device();
    each Gaps::Values, |a, b| a - b
}
merge! {
    /// The mean of two inputs.
    ///
    /// Keras: [`Average`](https://keras.io/api/layers/merging_layers/average/).
    Average, a, b, _ => D::add(a, b, ActivationKind::Nothing)?.try_mul(E::of(0.5)).or_device();
    each Gaps::Values, |a, b| (a + b) * E::of(0.5)
}
merge! {
    /// The product of two inputs. Under masks, a step that only one of them keeps is that one's, and a step
    /// that none keeps is 0.
    ///
    /// Keras: [`Multiply`](https://keras.io/api/layers/merging_layers/multiply/).
    Multiply, a, b, masks => {
        let Some([mask, other]) = masks else { return a.try_mul(b).or_device() };
        let a = keep_rows(a, mask.as_slice(), E::one())?;
        let b = keep_rows(b, other.as_slice(), E::one())?;
        keep_rows(a.try_mul(b).or_device()?, mask.or(other)?.as_slice(), E::zero())
    };
    each Gaps::OtherOrZero, |a, b| a * b
}
merge! {
    /// The larger number of two inputs. Under masks, a step that only one of them keeps is that one's.
    ///
    /// Keras: [`Maximum`](https://keras.io/api/layers/merging_layers/maximum/).
    Maximum, a, b, masks => {
        let (a, b) = fill_gaps(a, b, masks)?;
        a.try_maximum(b).or_device()
    };
    each Gaps::OtherOrFirst, |a, b| num_traits::Float::max(a, b)
}
merge! {
    /// The smaller number of two inputs. Under masks, a step that only one of them keeps is that one's.
    ///
    /// Keras: [`Minimum`](https://keras.io/api/layers/merging_layers/minimum/).
    Minimum, a, b, masks => {
        let (a, b) = fill_gaps(a, b, masks)?;
        a.try_minimum(b).or_device()
    };
    each Gaps::OtherOrFirst, |a, b| num_traits::Float::min(a, b)
}

/// Where one of two is masked, the other takes its place.
fn fill_gaps<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    a: Tensor<S, E, D, T>,
    b: Tensor<S, E, D, T>,
    masks: Option<[&Mask; 2]>,
) -> Result<(Tensor<S, E, D, T>, Tensor<S, E, D, T>), Error> {
    let Some([mask, other]) = masks else { return Ok((a, b)) };
    let b = choose_rows(b, other.as_slice(), a.retaped())?;
    let a = choose_rows(a, mask.as_slice(), b.retaped())?;
    Ok((a, b))
}
