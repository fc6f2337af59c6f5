use std::marker::PhantomData;

use dfdx::{
    shapes::{Const, Dim, Rank1},
    tensor::{Cpu, Tape, Tensor},
};

use super::{Grouping, ImagePadding, OneGroup, in_group, window, wrong_filters, wrong_steps};
use crate::{
    backend::{Backend, ConvWeights, Element, Epilogue, IntoShape, WeightCache},
    error::Error,
    fusion::Fuses,
    layer,
    layer::Layer,
    layers::{Activation, Linear},
    shape::{Along, Fault, Slide, Valid},
    signal::{Images, Is},
};

/// A convolution over images: `activation(sum(window * kernel) + bias)` at each place of the window.
///
/// `Conv2d<1, 32, 3>` has a window of 3 by 3; `Conv2d<1, 32, 3, 5, Relu, Same, 2>` one of 3 by 5, with an
/// activation, zero padding and a stride of 2. Keras's `Conv2D(32, 3, 2)`, whose third argument is the stride, is
/// `Conv2d<_, 32, 3, 3, Linear, Valid, 2>`: `Conv2d<_, 32, 3, 2>` has a window of 3 by 2. `DILATION` sets the taps of the window apart. With
/// [`Groups<4>`](super::Groups) behind these the channels are in four groups, each with filters of its own.
///
/// Keras: [`Conv2D`](https://keras.io/api/layers/convolution_layers/convolution2d/).
///
/// # Shapes
/// - input `(Batch, H, W, I)`
/// - output `(Batch, H', W', O)`: with [`Valid`] `H' = (H - (KH - 1) * DILATION - 1) / STRIDE + 1`, with
///   [`Same`](crate::shape::Same) `H' = H / STRIDE`, rounded up
/// - `kernel` `(KH, KW, I, O)`, or `(KH, KW, I / GROUPS, O)`, glorot uniform; `bias` `(O,)`, zeros
///
/// # Errors
/// [`Error::Mismatch`] if the window does not fit into a size that is known at run time only.
///
/// # Numbers
/// In `f32` on a CPU, windows of 3 by 3 with a stride of 1, from 16 channels and filters on, are calculated by minimal
/// filtering ([Lavin and Gray 2015](https://arxiv.org/abs/1509.09308)): with a quarter of the multiplications, and to
/// 4e-6 of the largest result. A pixel that is not finite then also reaches places next to those that see it.
///
/// ```
/// use kerata::{Batch, Conv2d, Cpu, Error, MaxPool2d, Relu, model, prelude::*};
///
/// #[model(input = (Batch, 28, 28, 1), output = (Batch, 12, 12, 64))]
/// struct Features {
///     conv1: Conv2d<_, 32, 3, 3, Relu>,
///     conv2: Conv2d<_, 64, 3, 3, Relu>,
///     pool: MaxPool2d<2>,
/// }
///
/// let features = Features::build(&Cpu::seed_from_u64(0))?;
/// assert_eq!(features.predict(&vec![[[[0.5]; 28]; 28]; 2], 2)?.as_vec().len(), 2 * 12 * 12 * 64);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "Conv2D",
    windows = [
        Along::window(KH, STRIDE, DILATION, P::NAME),
        Along::window(KW, STRIDE, DILATION, P::NAME),
    ],
    input = (Batch, Height, Width, I),
    infer,
    check = wrong_filters(I, O, G::GROUPS).or(wrong_steps(&[KH, KW], STRIDE, DILATION)).tell(),
    keys(
        filters: size(O),
        kernel_size: sizes(&[KH, KW], None),
        strides: sizes(&[STRIDE; 2], Some(&[1; 2])),
        padding: any_case(P::NAME, &["valid", "same"]),
        data_format(),
        dilation_rate: sizes(&[DILATION; 2], Some(&[1; 2])),
        convolution(G::GROUPS),
        activation: activation(A::NAME, Some("linear")),
    ),
)]
pub struct Conv2d<
    const I: usize,
    const O: usize,
    const KH: usize,
    const KW: usize = KH,
    A: Activation = Linear,
    P: ImagePadding = Valid,
    const STRIDE: usize = 1,
    const DILATION: usize = 1,
    G: Grouping = OneGroup,
    E: Element = f32,
    D: Backend<E> = Cpu,
> {
    /// The weights, `(KH, KW, I, O)`; of several groups `(KH, KW, I / GROUPS, O)`.
    #[weight(shape = (KH, KW, in_group(I, G::GROUPS), O), init = glorot_uniform)]
    pub kernel: Tensor<(Const<KH>, Const<KW>, G::Channels<I>, Const<O>), E, D>,
    /// The bias, `(O,)`; not used without `use_bias`.
    #[weight(init = zeros, when = use_bias)]
    pub bias: Tensor<Rank1<O>, E, D>,
    /// Whether a bias is added. Default true.
    #[option(default = true)]
    pub use_bias: bool,
    #[cache]
    cache: WeightCache,
    options: PhantomData<(A, P, G)>,
}

impl<
    In,
    const I: usize,
    const O: usize,
    const KH: usize,
    const KW: usize,
    A,
    P,
    const STRIDE: usize,
    const DILATION: usize,
    G,
    E,
    D,
> Layer<In, E, D> for Conv2d<I, O, KH, KW, A, P, STRIDE, DILATION, G, E, D>
where
    In: Images<
            Channels: Is<I>,
            Height: Slide<KH, STRIDE, DILATION, P>,
            Width: Slide<KW, STRIDE, DILATION, P>,
        >,
    A: Activation,
    P: ImagePadding,
    G: Grouping,
    E: Element,
    D: Backend<E>,
{
    type Out = (
        In::Batch,
        <In::Height as Slide<KH, STRIDE, DILATION, P>>::Out,
        <In::Width as Slide<KW, STRIDE, DILATION, P>>::Out,
        Const<O>,
    );

    const FAULT: Fault =
        wrong_filters(I, O, G::GROUPS).or(wrong_steps(&[KH, KW], STRIDE, DILATION));

    const FUSES: Fuses = if A::IS_LINEAR { Fuses::NormAndActivation } else { Fuses::Nothing };

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        A::behind(|then| <Self as Layer<In, E, D>>::call_fused(self, x, then.into()))
    }

    fn call_fused<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
        then: Epilogue<E, D>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        let (x, (batch, height, width, _)) = In::images(x)?;
        let out = (batch, height.slide()?, width.slide()?, Const);
        let size = [height.size(), width.size()];
        let window = window::<P>(size, [KH, KW], [STRIDE; 2], [DILATION; 2])?;
        let kernel = self.kernel.clone().into_shape(&(KH * KW * in_group(I, G::GROUPS), O))?;
        let bias = self.bias.clone().into_shape(&(O,))?;
        let bias = self.use_bias.then_some(&bias);
        let weights = ConvWeights { kernel: &kernel, bias, groups: G::GROUPS, cache: &self.cache };
        D::conv2d(x, weights, &window, then)?.into_shape(&out)
    }
}
