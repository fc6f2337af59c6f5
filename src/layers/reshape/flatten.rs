use std::marker::PhantomData;

use dfdx::{
    shapes::{Const, HasShape},
    tensor::{Tape, Tensor},
};

use kerata_macros::words;

use crate::{
    backend::{Backend, Element, IntoShape},
    error::Error,
    layer,
    layer::{Infer, Layer},
    shape::{Dim, Fault, Shape, Words},
    signal::Signal,
};

/// Numbers without a mask: `(Batch, ..)`.
#[words(UNMASKED)]
#[diagnostic::on_unimplemented(
    message = "numbers without a mask are needed here, `(Batch, ..)`, but `{Self}` arrives",
    label = "this layer knows no masks",
    note = "a masked sequence becomes one vector in `GlobalAveragePooling1d`, or in an `Lstm<_, N>`, and `Unmask` drops the mask on purpose; token ids go through an `Embedding`"
)]
pub trait Unmasked: Signal {
    /// The batch dimension.
    type Batch: Dim;
    /// The shape.
    type Shape: Shape;
    /// The data as a tensor, and its batch dimension.
    fn numbers<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Self::Data<E, D, T>,
    ) -> (Tensor<Self::Shape, E, D, T>, Self::Batch);
}

macro_rules! unmasked {
    ($($dim:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<B: Dim, $($dim: Dim),*> Unmasked for (B, $($dim,)*) {
            type Batch = B;
            type Shape = Self;

            fn numbers<E: Element, D: Backend<E>, T: Tape<E, D>>(
                x: Tensor<Self, E, D, T>,
            ) -> (Tensor<Self, E, D, T>, B) {
                let batch = x.shape().0;
                (x, batch)
            }
        }
    };
}
unmasked!(F);
unmasked!(F G);
unmasked!(F G H);
unmasked!(F G H I);

/// The product of sizes, if all are known.
const fn product(mut sizes: &[Option<usize>]) -> Option<usize> {
    let mut product = 1;
    while let [size, rest @ ..] = sizes {
        match size {
            Some(size) => product *= *size,
            None => return None,
        }
        sizes = rest;
    }
    Some(product)
}

/// The sizes behind the batch.
const fn of_sample<S: Shape>() -> &'static [Option<usize>] {
    S::SIZES.split_at(1).1
}

/// What is wrong, with the numbers, unless `sizes` multiply to `n`. Where a size is not known, that is left to the call.
const fn wrong_product(sizes: &[Option<usize>], n: Option<usize>) -> Fault {
    use Words::{Number, Text};
    let (Some(all), Some(n)) = (product(sizes), n) else { return Fault::NONE };
    if all == n {
        return Fault::NONE;
    }
    let (times, gives, not) = (Text(" * "), Text(" = "), Text(", not "));
    let [all, n] = [Number(all), Number(n)];
    match *sizes {
        [Some(a), Some(b)] => Fault::new(&[Number(a), times, Number(b), gives, all, not, n]),
        [Some(a), Some(b), Some(c)] => {
            Fault::new(&[Number(a), times, Number(b), times, Number(c), gives, all, not, n])
        }
        [Some(a), Some(b), Some(c), Some(d)] => {
            let [a, b, c, d] = [Number(a), Number(b), Number(c), Number(d)];
            Fault::new(&[a, times, b, times, c, times, d, gives, all, not, n])
        }
        _ => Fault::new(&[all, Text(" numbers cannot become "), n]),
    }
}

/// All numbers of a sample in one row: row-major, the last dimension fastest. `N` is how many they are, or `_`
/// in a `#[model]`.
///
/// Of an image `(H, W, C)` the number at row `h`, column `w` and channel `c` lands at `(h * W + w) * C + c`.
///
/// Keras: [`Flatten`](https://keras.io/api/layers/reshaping_layers/flatten/).
///
/// # Shapes
/// - input `(Batch, ..)`, without a mask
/// - output `(Batch, N)`
///
/// # Errors
/// [`Error::Mismatch`] if a size is known at run time only and the product is not `N`.
///
/// ```
/// use kerata::{Cpu, Error, Flatten, prelude::*};
///
/// let x = Cpu::default().tensor([[[1.0_f32, 2.0], [3.0, 4.0]]]);
/// assert_eq!(Flatten::<4>.forward(x)?.array(), [[1.0, 2.0, 3.0, 4.0]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(class = "Flatten", keys(data_format()))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flatten<const N: usize>;

impl<In: Unmasked, const N: usize, E: Element, D: Backend<E>> Layer<In, E, D> for Flatten<N> {
    type Out = (In::Batch, Const<N>);

    const FAULT: Fault = wrong_product(of_sample::<In::Shape>(), Some(N));
    const FLATTENS: bool = true;

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        let (x, batch) = In::numbers(x);
        reshape(x, (batch, Const))
    }
}

/// A shape whose sizes behind the batch the compiler knows, so that it knows their product.
#[diagnostic::on_unimplemented(
    message = "how many values a sample of `{Self}` has is known at run time only",
    label = "`_` must be known to the compiler",
    note = "a sequence of any length becomes one vector in `GlobalAveragePooling1d`, or in an `Lstm<_, N>`; or give it a length in place of `Length`"
)]
pub trait FixedSizes {}

macro_rules! fixed {
    ($($n:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<B: Dim, $(const $n: usize),*> FixedSizes for (B, $(Const<$n>,)*) {}
    };
}
fixed!(N0);
fixed!(N0 N1);
fixed!(N0 N1 N2);
fixed!(N0 N1 N2 N3);

impl<In: Unmasked<Shape: FixedSizes>, const N: usize> Infer<In> for Flatten<N> {
    const SIZE: usize = match product(of_sample::<In::Shape>()) {
        Some(size) => size,
        None => 0,
    };
}

/// The dimensions behind the batch, such as `(Const<4>, Const<5>)`.
pub trait TrailingDims: Shape {
    /// The shape with a batch in front.
    type WithBatch<B: Dim>: Shape;

    /// The shape with a batch in front.
    fn with_batch<B: Dim>(batch: B) -> Self::WithBatch<B>;
}

macro_rules! trailing {
    ($($n:ident)*) => {
        impl<$(const $n: usize),*> TrailingDims for ($(Const<$n>,)*) {
            type WithBatch<B: Dim> = (B, $(Const<$n>,)*);

            fn with_batch<B: Dim>(batch: B) -> Self::WithBatch<B> {
                (batch, $(Const::<$n>,)*)
            }
        }
    };
}
trailing!(N0);
trailing!(N0 N1);
trailing!(N0 N1 N2);
trailing!(N0 N1 N2 N3);

/// The numbers of a sample in another shape, row-major: `Reshape<(Const<4>, Const<5>)>`.
///
/// Keras: [`Reshape`](https://keras.io/api/layers/reshaping_layers/reshape/).
///
/// # Shapes
/// - input `(Batch, ..)`, without a mask
/// - output `(Batch, S..)`, with as many numbers
///
/// ```
/// use kerata::{Const, Cpu, Error, Reshape, prelude::*};
///
/// let x = Cpu::default().tensor([[1.0_f32, 2.0, 3.0, 4.0]]);
/// let y = Reshape::<(Const<2>, Const<2>)>::default().forward(x)?;
/// assert_eq!(y.array(), [[[1.0, 2.0], [3.0, 4.0]]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(class = "Reshape", keys(target_shape(S::SIZES)))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reshape<S: TrailingDims>(PhantomData<S>);

impl<In: Unmasked, S: TrailingDims, E: Element, D: Backend<E>> Layer<In, E, D> for Reshape<S> {
    type Out = S::WithBatch<In::Batch>;

    const FAULT: Fault = wrong_product(of_sample::<In::Shape>(), product(S::SIZES));

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        let (x, batch) = In::numbers(x);
        reshape(x, S::with_batch(batch))
    }
}

fn reshape<S: Shape, O: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    shape: O,
) -> Result<Tensor<O, E, D, T>, Error> {
    x.into_shape(&shape)
}
