use dfdx::{
    prelude::HasShape,
    shapes::Const,
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{Backend, Element, IntoShape, products, turned},
    error::Error,
    layer,
    layer::Layer,
    shape::{Dim, Shape},
    signal::{Inputs, Signal},
};

/// Two inputs that can be multiplied along the axes `A` and `B`: what [`Dot`] takes.
#[diagnostic::on_unimplemented(
    message = "two inputs are needed here, but `{Self}` arrives",
    label = "this layer multiplies two inputs along an axis of each",
    note = "in a `#[model]`, `#[from(a, b)]` on the field names the two"
)]
pub trait Dotted<const A: usize, const B: usize>: Signal {
    /// What is made of them.
    type Out: Signal;

    /// The products, of vectors of length 1 if they are normalized.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the two have different sizes.
    fn dot<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Self::Data<E, D, T>,
        normalize: bool,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error>;
}

/// A signal whose axis `A` is of the size of the axis `B` of another: the first of two that are [`Dotted`].
#[diagnostic::on_unimplemented(
    message = "axis {A} of `{Self}` and axis {B} of `{Other}` cannot be multiplied",
    label = "both axes have to be of one size, and behind the batch",
    note = "`Dot<1>` takes two `(Batch, F)`, `Dot<2>` two `(Batch, Length, F)`, `Dot<2, 1>` a sequence and vectors, all without masks: `Unmask` drops one on purpose"
)]
pub trait DotWith<Other: Signal, const A: usize, const B: usize>: Signal {
    /// [`Dotted::Out`].
    type Out: Signal;

    /// [`Dotted::dot`].
    ///
    /// # Errors
    /// Those of [`Dotted::dot`].
    fn dot<E: Element, D: Backend<E>, T: Tape<E, D>>(
        a: Self::Data<E, D, T>,
        b: Other::Data<E, D, T>,
        normalize: bool,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error>;
}

impl<X: DotWith<Y, A, B>, Y: Signal, const A: usize, const B: usize> Dotted<A, B>
    for Inputs<(X, Y)>
{
    type Out = X::Out;

    fn dot<E: Element, D: Backend<E>, T: Tape<E, D>>(
        (a, b): Self::Data<E, D, T>,
        normalize: bool,
    ) -> Result<<X::Out as Signal>::Data<E, D, T>, Error> {
        X::dot(a, b, normalize)
    }
}

/// The products of two inputs along an axis of each, sample by sample.
///
/// `Dot<1>` of two vectors is their scalar product; `Dot<2>` of two sequences that of each step of the one with each of the
/// other. With `normalize` it is the cosine of the angle between them.
///
/// Keras: [`Dot`](https://keras.io/api/layers/merging_layers/dot/).
///
/// # Shapes
/// - input `Inputs<(X, Y)>`, each `(Batch, F)` or `(Batch, Length, F)` without a mask; axis `A` of the one is of the size of
///   axis `B` of the other, which is `A` if it is not written
/// - output `(Batch, ..)`: the other axes of both; `(Batch, 1)` if there are none
///
/// ```
/// use kerata::{Batch, Cpu, Dot, Error, Inputs, model, prelude::*};
///
/// #[model(input = Inputs<((Batch, 5, 3), (Batch, 3))>, output = (Batch, 5))]
/// struct Scores {
///     #[with(normalize = true)]
///     cosine: Dot<2, 1>,
/// }
///
/// let dev = Cpu::default();
/// let y = Dot::<1>::default().forward((dev.tensor([[1.0, 2.0]]), dev.tensor([[3.0, 4.0]])))?;
/// assert_eq!(y.array(), [[11.0]]);
/// assert!(Scores::build(&dev)?.cosine.normalize);
/// # Ok::<(), Error>(())
/// ```
#[layer(class = "Dot", keys(dot_axes([A, B])))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dot<const A: usize, const B: usize = A> {
    /// Whether the vectors have the length 1 before. Default false.
    #[option(default = false)]
    pub normalize: bool,
}

impl<In, const A: usize, const B: usize, E, D> Layer<In, E, D> for Dot<A, B>
where
    In: Dotted<A, B>,
    E: Element,
    D: Backend<E>,
{
    type Out = In::Out;

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<<In::Out as Signal>::Data<E, D, T>, Error> {
        In::dot(x, self.normalize)
    }
}

/// The batch, what is beside the axis, and the axis.
fn vectors<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    axis: usize,
) -> Result<Tensor<(usize, usize, usize), E, D, T>, Error> {
    let sizes = x.shape().concrete();
    match *sizes.as_ref() {
        [batch, length, features] if axis == 1 => turned(x.into_shape(&(batch, length, features))?),
        [batch, length, features] => x.into_shape(&(batch, length, features)),
        [batch, features] => x.into_shape(&(batch, 1, features)),
        _ => Err(Error::mismatch(
            "the dimensions of what is multiplied",
            "2 or 3",
            sizes.as_ref().len(),
        )),
    }
}

macro_rules! dot {
    ($($a:literal $b:literal: ($($x:ident)*) ($($y:ident)*) -> ($($z:ident)*), $out:expr;)*) => {
        $(
            #[diagnostic::do_not_recommend]
            impl<N: Dim, F: Dim $(, $z: Dim)*> DotWith<(N, $($y,)*), $a, $b> for (N, $($x,)*) {
                type Out = dot!(@out $($z)*);

                fn dot<E: Element, Dev: Backend<E>, T: Tape<E, Dev>>(
                    a: Tensor<Self, E, Dev, T>,
                    b: Tensor<(N, $($y,)*), E, Dev, T>,
                    normalize: bool,
                ) -> Result<Tensor<Self::Out, E, Dev, T>, Error> {
                    let out: fn(&Self, &(N, $($y,)*)) -> Self::Out = $out;
                    let out = out(a.shape(), b.shape());
                    products(vectors(a, $a)?, vectors(b, $b)?, normalize)?.into_shape(&out)
                }
            }
        )*
    };
    (@out) => { (N, Const<1>) };
    (@out $($z:ident)*) => { (N, $($z,)*) };
}
dot! {
    1 1: (F) (F) -> (), |a, _| (a.0, Const);
    1 2: (F) (L F) -> (L), |a, b| (a.0, b.1);
    1 1: (F) (F L) -> (L), |a, b| (a.0, b.2);
    2 1: (L F) (F) -> (L), |a, _| (a.0, a.1);
    1 1: (F L) (F) -> (L), |a, _| (a.0, a.2);
    2 2: (L F) (M F) -> (L M), |a, b| (a.0, a.1, b.1);
    2 1: (L F) (F M) -> (L M), |a, b| (a.0, a.1, b.2);
    1 2: (F L) (M F) -> (L M), |a, b| (a.0, a.2, b.1);
    1 1: (F L) (F M) -> (L M), |a, b| (a.0, a.2, b.2);
}
