//! Shapes: what the compiler knows of a tensor.
//!
//! A shape is a tuple of dimensions, as in dfdx. A size that is known when the program is compiled
//! is a [`Const<N>`](Const); the batch, and any length that is known only at run time, is a `usize`.
//!
//! ```
//! use kerata::shape::{Batch, Const, Features, Sequence};
//!
//! type Words = (Batch, Const<10>, Const<27>);
//! assert_eq!(<Words as Features>::SIZE, 27);
//! let shape: Words = (32, Const, Const);
//! assert_eq!(shape.steps(), (32, 10));
//! ```

mod fault;
mod sizes;
mod window;
mod windowed;

#[doc(hidden)]
pub use fault::Fault;
pub(crate) use fault::Words;
pub use sizes::{ConstDim, Dim, Shape, display};
pub(crate) use window::WINDOW;
pub use window::{Causal, Grow, Number, Padding, Same, Shrink, Slide, Spread, Times, Twice, Valid};
pub(crate) use window::{LARGEST, places, wrong_window};
#[doc(hidden)]
pub use windowed::{Along, Windowed};

/// [`Const`], by the name that it has in the messages of the compiler: `(usize, Size<10>)` is `(Batch, Const<10>)`.
///
/// The compiler leaves out the path of a name that is the only one of its kind, and the standard library has a `Const`.
pub use dfdx::shapes::Const as Size;
use dfdx::shapes::Rank1;
pub use dfdx::shapes::{Const, HasShape, Rank0};

/// The batch dimension: how many samples are in it is known at run time.
pub type Batch = usize;

/// A length that is known only at run time, such as that of the longest row of a batch.
pub type Length = usize;

/// A shape whose first two dimensions are the batch and the time steps.
///
/// A [`Mask`](crate::signal::Mask) says which of these steps are real.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no time steps",
    label = "a mask needs the shape (Batch, Length, ..)"
)]
pub trait Sequence: Shape {
    /// The batch dimension.
    type Batch: Dim;
    /// The dimension of time.
    type Length: Dim;

    /// The sizes of the first two dimensions: rows and steps.
    fn steps(&self) -> (usize, usize) {
        let sizes = self.concrete();
        (sizes[0], sizes[1])
    }
}

/// A dimension of data that can be the dimension `D` of a model: they are the same, or one of the two sizes is known
/// at run time only, and checked then.
pub trait FitsDim<D: Dim>: Dim {
    /// The size that is wanted; its own, if any will do.
    fn wanted(&self) -> usize;
}

impl<const N: usize> FitsDim<Const<N>> for Const<N> {
    fn wanted(&self) -> usize {
        N
    }
}

impl<const N: usize> FitsDim<Const<N>> for Length {
    fn wanted(&self) -> usize {
        N
    }
}

impl<D: Dim> FitsDim<Length> for D {
    fn wanted(&self) -> usize {
        self.size()
    }
}

macro_rules! sequence {
    ($($dim:ident)*) => {
        impl<B: Dim, L: Dim, $($dim: Dim),*> Sequence for (B, L, $($dim,)*) {
            type Batch = B;
            type Length = L;
        }
    };
}
sequence!();
sequence!(C1);
sequence!(C1 C2);
sequence!(C1 C2 C3);
sequence!(C1 C2 C3 C4);

/// A shape whose last dimension, the features, has a size that the compiler knows.
///
/// This is the number that `_` stands for in `Dense<_, 10>` or `Lstm<_, 128>`. A masked sequence has the
/// features of its values; token ids have none, which counts as 0.
#[diagnostic::on_unimplemented(
    message = "the number of features of `{Self}` is not known to the compiler",
    label = "`_` is the last dimension of what reaches this layer, which must be a number",
    note = "`Length` in the last place of the model's `input` is none; two outputs, `Inputs<..>`: `#[from(name.0)]` takes one of them, of a `ReturnState` `#[from(name.output)]`, and `Add` or `Concatenate` merges them"
)]
pub trait Features {
    /// The size of the last dimension.
    const SIZE: usize;
}

macro_rules! features {
    ($($dim:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<$($dim: Dim,)* const F: usize> Features for ($($dim,)* Const<F>,) {
            const SIZE: usize = F;
        }
    };
}

features!();
features!(A);
features!(A B);
features!(A B C);
features!(A B C D);
features!(A B C D G);

/// What is wrong if there are none of something.
pub(crate) const fn missing(count: usize, otherwise: &'static str) -> Fault {
    if count == 0 { Fault::new(&[Words::Text(otherwise)]) } else { Fault::NONE }
}

/// What is wrong with a layer that takes nothing or gives nothing.
pub(crate) const fn wrong_units(features: usize, units: usize) -> Fault {
    missing(features, "a layer takes at least 1 feature, not 0")
        .or(missing(units, "a layer has at least 1 unit, not 0"))
}

/// The shape of a bias or of any other vector of `N` numbers.
pub type Vector<const N: usize> = Rank1<N>;
