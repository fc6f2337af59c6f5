use std::marker::PhantomData;

use dfdx::{
    shapes::{Const, Dim as _},
    tensor::{Cpu, Tape, Tensor},
};

use super::{ImagePadding, window, wrong_filters};
use crate::{
    backend::{Backend, ConvWeights, Element, IntoShape, WeightCache},
    error::Error,
    layer,
    layer::Layer,
    layers::{Activation, Linear},
    shape::{Along, Dim, Fault, Padding, Slide, Times, Valid, wrong_window},
    signal::{Images, Is, UnmaskedSteps},
};

/// What is wrong with windows of single channels.
pub(super) const fn wrong_depth(channels: usize, multiplier: usize) -> Fault {
    wrong_filters(channels, 1, 1)
        .or(crate::shape::missing(multiplier, "a channel has at least 1 window, not 0"))
}

/// A convolution over images in which each channel has windows of its own: `activation(sum(window * kernel) + bias)`, for
/// each channel and each of its `MULTIPLIER` windows.
///
/// `DepthwiseConv2d<_, 3>` has a window of 3 by 3 for each channel; `DepthwiseConv2d<_, 3, 3, Relu, Same, 2>` one with an activation, zero
/// padding and a stride of 2. `DILATION` sets the taps of the window apart.
///
/// Keras: [`DepthwiseConv2D`](https://keras.io/api/layers/convolution_layers/depthwise_convolution2d/).
///
/// # Shapes
/// - input `(Batch, H, W, I)`
/// - output `(Batch, H', W', I * MULTIPLIER)`, with `H'` and `W'` as for a [`Conv2d`](super::Conv2d)
/// - `kernel` `(KH, KW, I, MULTIPLIER)`, glorot uniform; `bias` `(I * MULTIPLIER,)`, zeros
///
/// # Errors
/// [`Error::Mismatch`] if the window does not fit into a size that is known at run time only.
///
/// ```
/// use kerata::{Cpu, DepthwiseConv2d, Error, prelude::*};
///
/// let mut conv = DepthwiseConv2d::<2, 1>::build(&Cpu::default())?;
/// conv.kernel.copy_from(&[2.0, 3.0]); // one number for each channel
/// let y = conv.forward(Cpu::default().tensor([[[[1.0, 10.0]]]]))?;
/// assert_eq!(y.array(), [[[[2.0, 30.0]]]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "DepthwiseConv2D",
    windows = [
        Along::window(KH, STRIDE, DILATION, P::NAME),
        Along::window(KW, STRIDE, DILATION, P::NAME),
    ],
    input = (Batch, Height, Width, I),
    infer,
    check = wrong_depth(I, MULTIPLIER).or(wrong_window(&[KH, KW], &[STRIDE], DILATION)).tell(),
    keys(
        kernel_size: sizes(&[KH, KW], None),
        strides: sizes(&[STRIDE; 2], Some(&[1; 2])),
        padding: any_case(P::NAME, &["valid", "same"]),
        data_format(),
        dilation_rate: sizes(&[DILATION; 2], Some(&[1; 2])),
        depth_multiplier: size_or(MULTIPLIER, 1),
        activation: activation(A::NAME, Some("linear")),
        depthwise(),
    ),
)]
pub struct DepthwiseConv2d<
    const I: usize,
    const KH: usize,
    const KW: usize = KH,
    A: Activation = Linear,
    P: ImagePadding = Valid,
    const STRIDE: usize = 1,
    const DILATION: usize = 1,
    const MULTIPLIER: usize = 1,
    E: Element = f32,
    D: Backend<E> = Cpu,
> {
    /// The windows, `(KH, KW, I, MULTIPLIER)`.
    #[weight(init = glorot_uniform, key = "depthwise")]
    pub kernel: Tensor<(Const<KH>, Const<KW>, Const<I>, Const<MULTIPLIER>), E, D>,
    /// The bias, `(I * MULTIPLIER,)`; not used without `use_bias`.
    #[weight(shape = (I * MULTIPLIER), init = zeros, when = use_bias)]
    pub bias: Tensor<(usize,), E, D>,
    /// Whether a bias is added. Default true.
    #[option(default = true)]
    pub use_bias: bool,
    #[cache]
    cache: WeightCache,
    options: PhantomData<(A, P)>,
}

/// [`DepthwiseConv2d`] over sequences: each feature has windows of its own.
///
/// Keras: [`DepthwiseConv1D`](https://keras.io/api/layers/convolution_layers/depthwise_convolution1d/), which has no
/// causal padding: Keras loads no file of a model with [`Causal`](crate::Causal) here.
///
/// # Shapes
/// - input `(Batch, Length, I)`, without a mask
/// - output `(Batch, Length', I * MULTIPLIER)`
/// - `kernel` `(K, I, MULTIPLIER)`, glorot uniform; `bias` `(I * MULTIPLIER,)`, zeros
///
/// # Errors
/// [`Error::Mismatch`] if the window does not fit into a length that is known at run time only.
///
/// ```
/// use kerata::{Cpu, DepthwiseConv1d, Error, prelude::*};
///
/// let mut conv = DepthwiseConv1d::<1, 2>::build(&Cpu::default())?;
/// conv.kernel.copy_from(&[1.0, 10.0]); // two taps
/// let y = conv.forward(Cpu::default().tensor([[[1.0], [2.0], [3.0]]]))?;
/// assert_eq!(y.array(), [[[21.0], [32.0]]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "DepthwiseConv1D",
    windows = [Along::window(K, STRIDE, DILATION, P::NAME)],
    input = (Batch, Length, I),
    infer,
    check = wrong_depth(I, MULTIPLIER).or(wrong_window(&[K], &[STRIDE], DILATION)).tell(),
    keys(
        kernel_size: sizes(&[K], None),
        strides: sizes(&[STRIDE], Some(&[1])),
        padding: any_case(P::NAME, &["valid", "same", "causal"]),
        data_format(),
        dilation_rate: sizes(&[DILATION], Some(&[1])),
        depth_multiplier: size_or(MULTIPLIER, 1),
        activation: activation(A::NAME, Some("linear")),
        depthwise(),
    ),
)]
pub struct DepthwiseConv1d<
    const I: usize,
    const K: usize,
    A: Activation = Linear,
    P: Padding = Valid,
    const STRIDE: usize = 1,
    const DILATION: usize = 1,
    const MULTIPLIER: usize = 1,
    E: Element = f32,
    D: Backend<E> = Cpu,
> {
    /// The windows, `(K, I, MULTIPLIER)`.
    #[weight(init = glorot_uniform, key = "depthwise")]
    pub kernel: Tensor<(Const<K>, Const<I>, Const<MULTIPLIER>), E, D>,
    /// The bias, `(I * MULTIPLIER,)`; not used without `use_bias`.
    #[weight(shape = (I * MULTIPLIER), init = zeros, when = use_bias)]
    pub bias: Tensor<(usize,), E, D>,
    /// Whether a bias is added. Default true.
    #[option(default = true)]
    pub use_bias: bool,
    #[cache]
    cache: WeightCache,
    options: PhantomData<(A, P)>,
}

/// How many channels leave.
type Wide<const I: usize, const MULTIPLIER: usize> = <Const<I> as Times<MULTIPLIER>>::Out;

impl<
    In,
    const I: usize,
    const KH: usize,
    const KW: usize,
    A,
    P,
    const STRIDE: usize,
    const DILATION: usize,
    const MULTIPLIER: usize,
    E,
    D,
> Layer<In, E, D> for DepthwiseConv2d<I, KH, KW, A, P, STRIDE, DILATION, MULTIPLIER, E, D>
where
    In: Images<
            Channels: Is<I>,
            Height: Slide<KH, STRIDE, DILATION, P>,
            Width: Slide<KW, STRIDE, DILATION, P>,
        >,
    Const<I>: Times<MULTIPLIER>,
    A: Activation,
    P: ImagePadding,
    E: Element,
    D: Backend<E>,
{
    type Out = (
        In::Batch,
        <In::Height as Slide<KH, STRIDE, DILATION, P>>::Out,
        <In::Width as Slide<KW, STRIDE, DILATION, P>>::Out,
        Wide<I, MULTIPLIER>,
    );

    const FAULT: Fault =
        wrong_depth(I, MULTIPLIER).or(wrong_window(&[KH, KW], &[STRIDE], DILATION));

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        let (x, (batch, height, width, _)) = In::images(x)?;
        let out = (batch, height.slide()?, width.slide()?, wide(I * MULTIPLIER)?);
        let size = [height.size(), width.size()];
        let window = window::<P>(size, [KH, KW], [STRIDE; 2], [DILATION; 2])?;
        let kernel = self.kernel.clone().into_shape(&(KH * KW, I * MULTIPLIER))?;
        let bias = self.use_bias.then_some(&self.bias);
        let weights = ConvWeights { kernel: &kernel, bias, groups: I, cache: &self.cache };
        A::behind(|then| D::conv2d(x, weights, &window, then.into())?.into_shape(&out))
    }
}

impl<
    In,
    const I: usize,
    const K: usize,
    A,
    P,
    const STRIDE: usize,
    const DILATION: usize,
    const MULTIPLIER: usize,
    E,
    D,
> Layer<In, E, D> for DepthwiseConv1d<I, K, A, P, STRIDE, DILATION, MULTIPLIER, E, D>
where
    In: UnmaskedSteps<Features: Is<I>, Length: Slide<K, STRIDE, DILATION, P>>,
    Const<I>: Times<MULTIPLIER>,
    A: Activation,
    P: Padding,
    E: Element,
    D: Backend<E>,
{
    type Out = (In::Batch, <In::Length as Slide<K, STRIDE, DILATION, P>>::Out, Wide<I, MULTIPLIER>);

    const FAULT: Fault = wrong_depth(I, MULTIPLIER).or(wrong_window(&[K], &[STRIDE], DILATION));

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        let (x, (batch, length, _)) = In::rows(x)?;
        let out = (batch, length.slide()?, wide(I * MULTIPLIER)?);
        let window = window::<P>([1, length.size()], [1, K], [1, STRIDE], [1, DILATION])?;
        let kernel = self.kernel.clone().into_shape(&(K, I * MULTIPLIER))?;
        let bias = self.use_bias.then_some(&self.bias);
        let weights = ConvWeights { kernel: &kernel, bias, groups: I, cache: &self.cache };
        A::behind(|then| D::conv2d(x, weights, &window, then.into())?.into_shape(&out))
    }
}

fn wide<F: Dim>(size: usize) -> Result<F, Error> {
    F::from_size(size).ok_or_else(|| Error::mismatch("the channels of windows", "others", size))
}
