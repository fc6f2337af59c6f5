use dfdx::{
    prelude::{HasShape, PermuteTo, ReshapeTo},
    shapes::{Axes3, Axes4},
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{Backend, Element, memory::elements_of, zeros_after},
    error::{Error, OrDevice},
    layer,
    layer::Layer,
    shape::Dim,
    signal::Signal,
};

/// The dimensions behind the batch in another order, counted from 1 as in Keras: `Permute<2, 1>` makes
/// `(Batch, Features, Length)` of `(Batch, Length, Features)`, `Permute<3, 1, 2>` `(Batch, C, H, W)` of
/// `(Batch, H, W, C)`.
///
/// Keras: [`Permute`](https://keras.io/api/layers/reshaping_layers/permute/).
///
/// ```
/// use kerata::{Cpu, Error, Permute, prelude::*};
///
/// let x = Cpu::default().tensor([[[1.0_f32, 2.0, 3.0], [4.0, 5.0, 6.0]]]);
/// assert_eq!(Permute::<2, 1>.forward(x)?.array(), [[[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(class = "Permute", keys(dims: sizes(&[A, B, C][..if C == 0 { 2 } else { 3 }], None)))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Permute<const A: usize, const B: usize, const C: usize = 0>;

/// A signal whose dimensions can be put into the order `A`, `B` and, if there are three, `C`.
#[diagnostic::on_unimplemented(
    message = "the dimensions of `{Self}` cannot be put into the order {A}, {B}, {C}",
    label = "no such order",
    note = "`Permute<2, 1>` takes an unmasked `(Batch, Length, Features)`, `Permute<3, 1, 2>` and the like `(Batch, H, W, C)`"
)]
pub trait Permuted<const A: usize, const B: usize, const C: usize>: Signal {
    /// The signal in that order.
    type Out: Signal;

    /// Puts the numbers into that order.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn permute<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Self::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error>;
}

macro_rules! permuted {
    ($axes:ty, $a:literal $b:literal $c:literal: ($($from:ident)*) -> ($($to:ident)*)) => {
        #[diagnostic::do_not_recommend]
        impl<$($from: Dim),*> Permuted<$a, $b, $c> for ($($from,)*) {
            type Out = ($($to,)*);

            fn permute<E: Element, Dev: Backend<E>, T: Tape<E, Dev>>(
                x: Tensor<Self, E, Dev, T>,
            ) -> Result<Tensor<Self::Out, E, Dev, T>, Error> {
                elements_of(&x)?;
                let y: Tensor<Self::Out, E, Dev, T> = x.try_permute::<_, $axes>().or_device()?;
                if elements_of(&y)? == 0 {
                    let shape = *y.shape();
                    return zeros_after(y, &shape);
                }
                y.try_contiguous().or_device()
            }
        }
    };
}
permuted!(Axes3<0, 2, 1>, 2 1 0: (N L F) -> (N F L));
permuted!(Axes4<0, 1, 3, 2>, 1 3 2: (N H W C) -> (N H C W));
permuted!(Axes4<0, 2, 1, 3>, 2 1 3: (N H W C) -> (N W H C));
permuted!(Axes4<0, 2, 3, 1>, 2 3 1: (N H W C) -> (N W C H));
permuted!(Axes4<0, 3, 1, 2>, 3 1 2: (N H W C) -> (N C H W));
permuted!(Axes4<0, 3, 2, 1>, 3 2 1: (N H W C) -> (N C W H));

impl<In, const A: usize, const B: usize, const C: usize, E, D> Layer<In, E, D> for Permute<A, B, C>
where
    In: Permuted<A, B, C>,
    E: Element,
    D: Backend<E>,
{
    type Out = In::Out;

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<<In::Out as Signal>::Data<E, D, T>, Error> {
        In::permute(x)
    }
}
