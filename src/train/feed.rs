use dfdx::{
    prelude::RealizeTo,
    shapes::Shape as _,
    tensor::{NoneTape, Tensor},
};

use crate::{
    backend::{Backend, Element, sized},
    error::Error,
    shape::{Dim, FitsDim, HasShape, Sequence, Shape},
    signal::{Ids, Inputs, Mask, Masked, Signal},
};

/// Data that a model can be fed: its signal is the model's input `In`, or has sizes that are known at run time where
/// the other has not. Which these must be is checked when it is fed.
///
/// ```
/// use kerata::{*, prelude::*};
///
/// #[model(input = (Batch, Length, 2), output = (Batch, 1))]
/// struct Net {
///     lstm: Lstm<_, 4>,
///     head: Dense<_, 1>,
/// }
///
/// let net = Net::build(&Cpu::seed_from_u64(0))?;
/// net.predict(&[[[0.5_f32, 1.0]; 3]], 1)?;
/// net.predict(&[vec![vec![0.5_f32, 1.0]; 3]], 1)?;
/// let error = net.predict(&[vec![vec![0.5_f32]; 3]], 1).unwrap_err().to_string();
/// assert!(error.starts_with("row 0 has the sizes [3, 1], but [3, 2] are expected"), "{error}");
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "the data holds `{Self}`, but the model takes `{In}`",
    label = "data that does not fit the model",
    note = "`data::Samples` lists which Rust values make what a model takes: numbers have a point, `1.0`, integers are token ids; padded data needs `Masked<..>` as its `input`",
    note = "one row goes to `predict_one(&row)`, several inputs are a tuple, `&(first, second)`, and pictures in grey have one channel, `[[[f32; 1]; W]; H]`; a generic function names the input, `M: Model<Input = .., Output = ..>`"
)]
pub trait Feeds<In: Signal>: Signal {
    /// The data under the name that the model has for it.
    ///
    /// # Errors
    /// [`Error::SampleSizes`] if it has other sizes than the model takes.
    fn feed<E: Element, D: Backend<E>>(
        data: Self::Data<E, D, NoneTape>,
    ) -> Result<In::Data<E, D, NoneTape>, Error>;
}

#[diagnostic::do_not_recommend]
impl<S: FeedsAs<In>, In: Signal> Feeds<In> for S {
    fn feed<E: Element, D: Backend<E>>(
        data: S::Data<E, D, NoneTape>,
    ) -> Result<In::Data<E, D, NoneTape>, Error> {
        S::feed_as::<E, D>(data)
    }
}

/// What [`Feeds`] stands on, for each kind of signal. A signal of your own implements it for itself.
///
/// It is a trait apart, so that the compiler names the two signals, and lists no impls.
pub trait FeedsAs<In: Signal>: Signal {
    /// [`Feeds::feed`].
    ///
    /// # Errors
    /// [`Error::SampleSizes`] if it has other sizes than the model takes.
    fn feed_as<E: Element, D: Backend<E>>(
        data: Self::Data<E, D, NoneTape>,
    ) -> Result<In::Data<E, D, NoneTape>, Error>;
}

/// A shape of data whose sizes can be those of the shape `In`.
pub trait FitsShape<In: Shape<Concrete = Self::Concrete>>: Shape {
    /// The shape under the other type.
    ///
    /// # Errors
    /// [`Error::SampleSizes`] if its sizes are others.
    fn check(&self) -> Result<In, Error>;
}

macro_rules! feeds {
    ($($dim:ident $to:ident)*) => {
        #[diagnostic::do_not_recommend]
        #[allow(non_snake_case)]
        impl<$($to: Dim, $dim: FitsDim<$to>),*> FitsShape<($($to,)*)> for ($($dim,)*) {
            fn check(&self) -> Result<($($to,)*), Error> {
                let ($($dim,)*) = *self;
                let misfit = || {
                    // All rows of a batch have its sizes, so the first one has.
                    let (expected, found) = (vec![$($dim.wanted()),*], vec![$($dim.size()),*]);
                    let [expected, found] = [expected, found].map(|sizes| sizes[1..].to_vec());
                    Error::SampleSizes { row: 0, expected, found }
                };
                <($($to,)*)>::from_concrete(&self.concrete()).ok_or_else(misfit)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<$($to: Dim, $dim: FitsDim<$to>),*> FeedsAs<($($to,)*)> for ($($dim,)*) {
            fn feed_as<E: Element, D: Backend<E>>(
                data: Tensor<Self, E, D>,
            ) -> Result<Tensor<($($to,)*), E, D>, Error> {
                FitsShape::<($($to,)*)>::check(data.shape())?;
                sized(data)
            }
        }
    };
}
feeds!(A X);
feeds!(A X B Y);
feeds!(A X B Y C Z);
feeds!(A X B Y C Z F U);
feeds!(A X B Y C Z F U G V);

#[diagnostic::do_not_recommend]
impl<S: FitsShape<In>, In: Shape<Concrete = S::Concrete>> FeedsAs<Ids<In>> for Ids<S> {
    fn feed_as<E: Element, D: Backend<E>>(
        data: Tensor<S, usize, D>,
    ) -> Result<Tensor<In, usize, D>, Error> {
        let shape = data.shape().check()?;
        data.try_realize().map_err(|data| Error::mismatch("the sizes of ids", shape, data.shape()))
    }
}

#[diagnostic::do_not_recommend]
impl<S: FitsShape<In> + Sequence, In: Sequence<Concrete = S::Concrete>> FeedsAs<Masked<In>>
    for Masked<S>
{
    fn feed_as<E: Element, D: Backend<E>>(
        data: Masked<Tensor<S, E, D>>,
    ) -> Result<Masked<Tensor<In, E, D>>, Error> {
        let (values, mask) = data.into_parts();
        values.shape().check()?;
        Masked::new(sized(values)?, mask)
    }
}

/// Sequences of one length: each step is a real one.
macro_rules! full {
    ($A:ident $B:ident $($dim:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<$A: Dim, $B: Dim, $($dim: Dim,)* In> FeedsAs<Masked<In>> for ($A, $B, $($dim,)*)
        where
            Self: FitsShape<In>,
            In: Sequence<Concrete = <Self as dfdx::shapes::Shape>::Concrete>,
        {
            fn feed_as<E: Element, D: Backend<E>>(
                data: Tensor<Self, E, D>,
            ) -> Result<Masked<Tensor<In, E, D>>, Error> {
                let (rows, steps) = data.shape().steps();
                FitsShape::<In>::check(data.shape())?;
                Masked::new(sized(data)?, Mask::try_full(rows, steps)?)
            }
        }
    };
}
full!(A B);
full!(A B C);
full!(A B C F);
full!(A B C F G);

macro_rules! side_by_side {
    ($($A:ident $X:ident $at:tt)*) => {
        #[diagnostic::do_not_recommend]
        impl<$($A: FeedsAs<$X>, $X: Signal),*> FeedsAs<Inputs<($($X,)*)>> for Inputs<($($A,)*)> {
            fn feed_as<E: Element, D: Backend<E>>(
                data: Self::Data<E, D, NoneTape>,
            ) -> Result<($($X::Data<E, D, NoneTape>,)*), Error> {
                Ok(($($A::feed_as::<E, D>(data.$at)?,)*))
            }
        }
    };
}
side_by_side!(A X0 0 B X1 1);
side_by_side!(A X0 0 B X1 1 C X2 2);
side_by_side!(A X0 0 B X1 1 C X2 2 F X3 3);
side_by_side!(A X0 0 B X1 1 C X2 2 F X3 3 G X4 4);
side_by_side!(A X0 0 B X1 1 C X2 2 F X3 3 G X4 4 H X5 5);
