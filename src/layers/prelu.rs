//! Rectifiers whose slopes are trained, for vectors, sequences and images.

use dfdx::{
    shapes::{HasShape, Rank1, Rank2, Rank3, Shape},
    tensor::{Cpu, Tape, Tensor},
};

use crate::{
    backend::{Backend, Element, prelu, to_values},
    error::Error,
    layer,
    layer::Layer,
    shape::{Dim, Fault, Words, missing},
    signal::{Images, MaskTransparent, OneVector, StepValues, Steps},
    stream::{Streamable, copy_bounded, room},
};

/// What is wrong with so many slopes along an axis, where the compiler knows how many values arrive.
const fn wrong_slopes(own: usize, arrive: Option<usize>) -> Fault {
    match arrive {
        Some(arrive) if own > 1 && own != arrive => Fault::new(&[
            Words::Number(own),
            Words::Text(" slopes along an axis need as many values, but "),
            Words::Number(arrive),
            Words::Text(" arrive: 1 is one slope for all of them"),
        ]),
        _ => missing(own, "a `PRelu` has at least 1 slope along an axis, not 0"),
    }
}

/// `x`, or below 0 `alpha * x`, where a slope `alpha` of each feature is trained.
///
/// `PRelu<_>` is for vectors, [`PRelu1d`] for sequences and [`PRelu2d`] for images.
///
/// Keras: [`PReLU`](https://keras.io/api/layers/activation_layers/prelu/).
///
/// # Shapes
/// - input and output `(Batch, Features)`
/// - `alpha` `(F,)`, zeros; with an `F` of 1 all features have one slope, as with Keras's `shared_axes=[1]`
///
/// ```
/// use kerata::{Cpu, Error, PRelu, prelude::*};
///
/// let mut layer = PRelu::<2>::build(&Cpu::default())?;
/// layer.alpha = Cpu::default().tensor([0.5, 0.1]);
/// let y = layer.forward(Cpu::default().tensor([[-2.0, 3.0], [1.0, -1.0]]))?;
/// assert_eq!(y.array(), [[-1.0, 3.0], [1.0, -0.1]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(class = "PReLU", infer, check = wrong_slopes(F, None).tell(), keys(weights, shared_axes(&[F])))]
pub struct PRelu<const F: usize, E: Element = f32, D: Backend<E> = Cpu> {
    /// The slopes, `(F,)`.
    #[weight(init = zeros)]
    pub alpha: Tensor<Rank1<F>, E, D>,
}

/// [`PRelu`] on sequences: a slope for each feature, which the steps share.
///
/// `PRelu1d<_>` is Keras's `PReLU(shared_axes=[1])`. `PRelu1d<_, 6>`, on six steps, has slopes of each step, as Keras by default.
///
/// # Shapes
/// - input and output `(Batch, Length, Features)`, masked or not; the mask passes
/// - `alpha` `(L, F)`, zeros; a 1 is one slope for all along that axis
///
/// ```
/// use kerata::{Cpu, Error, PRelu1d, prelude::*};
///
/// let mut layer = PRelu1d::<2>::build(&Cpu::default())?;
/// layer.alpha = Cpu::default().tensor([[0.5, 0.1]]);
/// let y = layer.forward(Cpu::default().tensor([[[-2.0, 3.0], [1.0, -1.0]]]))?;
/// assert_eq!(y.array(), [[[-1.0, 3.0], [1.0, -0.1]]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "PReLU",
    infer,
    check = wrong_slopes(F, None).or(wrong_slopes(L, None)).tell(),
    keys(weights, shared_axes(&[L, F])),
)]
pub struct PRelu1d<const F: usize, const L: usize = 1, E: Element = f32, D: Backend<E> = Cpu> {
    /// The slopes, `(L, F)`.
    #[weight(init = zeros)]
    pub alpha: Tensor<Rank2<L, F>, E, D>,
}

/// [`PRelu`] on images: a slope for each channel, which the pixels share.
///
/// `PRelu2d<_>` is Keras's `PReLU(shared_axes=[1, 2])`. `PRelu2d<_, 8, 8>`, on images of 8 by 8, has slopes of each pixel, as
/// Keras by default.
///
/// # Shapes
/// - input and output `(Batch, Height, Width, Channels)`
/// - `alpha` `(H, W, F)`, zeros; a 1 is one slope for all along that axis
///
/// ```
/// use kerata::{Batch, Conv2d, Cpu, Error, PRelu2d, model, prelude::*};
///
/// #[model(input = (Batch, 8, 8, 1), output = (Batch, 6, 6, 4))]
/// struct Net {
///     conv: Conv2d<_, 4, 3>,
///     act: PRelu2d<_>,
/// }
/// assert_eq!(Net::build(&Cpu::default())?.act.alpha.array(), [[[0.0; 4]]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "PReLU",
    infer,
    check = wrong_slopes(F, None).or(wrong_slopes(H, None)).or(wrong_slopes(W, None)).tell(),
    keys(weights, shared_axes(&[H, W, F])),
)]
pub struct PRelu2d<
    const F: usize,
    const H: usize = 1,
    const W: usize = 1,
    E: Element = f32,
    D: Backend<E> = Cpu,
> {
    /// The slopes, `(H, W, F)`.
    #[weight(init = zeros)]
    pub alpha: Tensor<Rank3<H, W, F>, E, D>,
}

macro_rules! passes {
    ($($layer:ident<$($size:ident),*> on $kind:path: $($own:ident $axis:ident),*;)*) => {
        $(
            impl<In, $(const $size: usize,)* E, D> Layer<In, E, D> for $layer<$($size,)* E, D>
            where
                In: $kind + MaskTransparent,
                E: Element,
                D: Backend<E>,
            {
                type Out = In;

                const FAULT: Fault =
                    Fault::NONE$(.or(wrong_slopes($own, <In::$axis as Dim>::KNOWN)))*;

                fn call<T: Tape<E, D>>(
                    &self,
                    x: In::Data<E, D, T>,
                ) -> Result<In::Data<E, D, T>, Error> {
                    const { <Self as Layer<In, E, D>>::FAULT.tell() };
                    In::map(x, |x| {
                        let sizes = x.shape().concrete();
                        prelu(x, &sizes.as_ref()[1..], &self.alpha, &[$($own),*])
                    })
                }
            }
        )*
    };
}
passes! {
    PRelu<F> on OneVector: F Features;
    PRelu1d<F, L> on Steps: L Length, F Features;
    PRelu2d<F, H, W> on Images: H Height, W Width, F Channels;
}

/// The slopes of a step, and room for its values.
pub struct PReluStepper<E> {
    alpha: Vec<E>,
    values: Vec<E>,
}

/// Steps whose slopes are all the same.
macro_rules! streams {
    ($($layer:ty: $kind:path, $($axis:ident)*;)*) => {
        $(
            #[diagnostic::do_not_recommend]
            impl<In, const F: usize, E, D> Streamable<In, E, D> for $layer
            where
                In: $kind + MaskTransparent + StepValues,
                E: Element,
                D: Backend<E>,
            {
                type State = ();
                type Stepper = PReluStepper<E>;

                fn begin(&self, rows: usize) -> Result<(PReluStepper<E>, ()), Error> {
                    const { <Self as Layer<In, E, D>>::FAULT.tell() };
                    let alpha = to_values(&self.alpha)?;
                    Ok((PReluStepper { alpha, values: room(rows, In::WIDTH)? }, ()))
                }

                fn step<'a>(
                    PReluStepper { alpha, values }: &'a mut PReluStepper<E>,
                    (): &mut (),
                    x: In::StepData<'a, E>,
                ) -> Result<In::StepData<'a, E>, Error> {
                    let (x, keep) = In::unpack(x);
                    copy_bounded(x, keep, values);
                    for (x, &alpha) in values.iter_mut().zip(alpha.iter().cycle()) {
                        *x = if *x < E::zero() { alpha * *x } else { *x };
                    }
                    Ok(In::pack(values, keep))
                }
            }
        )*
    };
}
streams! {
    PRelu<F, E, D>: OneVector, Features;
    PRelu1d<F, 1, E, D>: Steps, Length Features;
}
