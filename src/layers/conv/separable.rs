use std::marker::PhantomData;

use dfdx::{
    shapes::{Const, Dim as _, HasShape, Rank1},
    tensor::{Cpu, Tape, Tensor},
};

use super::{ImagePadding, depthwise::wrong_depth, window, wrong_filters};
use crate::{
    backend::{
        ActivationKind, Backend, ConvWeights, DenseWeights, Element, ImageShape, IntoShape,
        WeightCache, Window,
    },
    error::Error,
    layer,
    layer::Layer,
    layers::{Activation, Linear},
    shape::{Along, Fault, Padding, Slide, Valid, wrong_window},
    signal::{Images, Is, UnmaskedSteps},
};

/// A convolution over images in two parts: each channel has `MULTIPLIER` windows of its own, and `O` filters mix what these give, at
/// each place by itself. `activation(mixed + bias)`.
///
/// `SeparableConv2d<_, 32, 3>` has windows of 3 by 3; `SeparableConv2d<_, 32, 3, 3, Relu, Same, 2>` with an activation, zero padding and
/// a stride of 2. `DILATION` sets the taps of the window apart.
///
/// Keras: [`SeparableConv2D`](https://keras.io/api/layers/convolution_layers/separable_convolution2d/).
///
/// # Shapes
/// - input `(Batch, H, W, I)`
/// - output `(Batch, H', W', O)`, as of a [`Conv2d`](super::Conv2d)
/// - `depthwise_kernel` `(KH, KW, I, MULTIPLIER)` and `pointwise_kernel` `(1, 1, I * MULTIPLIER, O)`, glorot uniform; `bias` `(O,)`, zeros
///
/// # Errors
/// [`Error::Mismatch`] if the window does not fit into a size that is known at run time only.
///
/// ```
/// use kerata::{Batch, Cpu, Error, Relu, Same, SeparableConv2d, model, prelude::*};
///
/// #[model(input = (Batch, 8, 8, 3), output = (Batch, 4, 4, 16))]
/// struct Net {
///     conv: SeparableConv2d<_, 16, 3, 3, Relu, Same, 2>,
/// }
/// assert_eq!(Net::PARAMS, 3 * 3 * 3 + 3 * 16 + 16);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "SeparableConv2D",
    windows = [
        Along::window(KH, STRIDE, DILATION, P::NAME),
        Along::window(KW, STRIDE, DILATION, P::NAME),
    ],
    input = (Batch, Height, Width, I),
    infer,
    check = wrong_mixing(I, O, MULTIPLIER).or(wrong_window(&[KH, KW], &[STRIDE], DILATION)).tell(),
    keys(
        filters: size(O),
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
pub struct SeparableConv2d<
    const I: usize,
    const O: usize,
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
    pub depthwise_kernel: Tensor<(Const<KH>, Const<KW>, Const<I>, Const<MULTIPLIER>), E, D>,
    /// What mixes them, `(1, 1, I * MULTIPLIER, O)`.
    #[weight(shape = (1, 1, I * MULTIPLIER, O), init = glorot_uniform, key = "pointwise")]
    pub pointwise_kernel: Tensor<(Const<1>, Const<1>, usize, Const<O>), E, D>,
    /// The bias, `(O,)`; not used without `use_bias`.
    #[weight(init = zeros, when = use_bias)]
    pub bias: Tensor<Rank1<O>, E, D>,
    /// Whether a bias is added. Default true.
    #[option(default = true)]
    pub use_bias: bool,
    #[cache]
    windows: WeightCache,
    #[cache]
    mixing: WeightCache,
    options: PhantomData<(A, P)>,
}

/// [`SeparableConv2d`] over sequences.
///
/// Keras: [`SeparableConv1D`](https://keras.io/api/layers/convolution_layers/separable_convolution1d/), which has no
/// causal padding: Keras loads no file of a model with [`Causal`](crate::Causal) here.
///
/// # Shapes
/// - input `(Batch, Length, I)`, without a mask
/// - output `(Batch, Length', O)`, as of a [`Conv1d`](super::Conv1d)
/// - `depthwise_kernel` `(K, I, MULTIPLIER)` and `pointwise_kernel` `(1, I * MULTIPLIER, O)`, glorot uniform; `bias` `(O,)`, zeros
///
/// # Errors
/// [`Error::Mismatch`] if the window does not fit into a length that is known at run time only.
///
/// ```
/// use kerata::{Batch, Cpu, Error, Relu, Same, SeparableConv1d, model, prelude::*};
///
/// #[model(input = (Batch, 100, 3), output = (Batch, 100, 16))]
/// struct Net {
///     conv: SeparableConv1d<_, 16, 5, Relu, Same>,
/// }
/// assert_eq!(Net::PARAMS, 5 * 3 + 3 * 16 + 16);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "SeparableConv1D",
    windows = [Along::window(K, STRIDE, DILATION, P::NAME)],
    input = (Batch, Length, I),
    infer,
    check = wrong_mixing(I, O, MULTIPLIER).or(wrong_window(&[K], &[STRIDE], DILATION)).tell(),
    keys(
        filters: size(O),
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
pub struct SeparableConv1d<
    const I: usize,
    const O: usize,
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
    pub depthwise_kernel: Tensor<(Const<K>, Const<I>, Const<MULTIPLIER>), E, D>,
    /// What mixes them, `(1, I * MULTIPLIER, O)`.
    #[weight(shape = (1, I * MULTIPLIER, O), init = glorot_uniform, key = "pointwise")]
    pub pointwise_kernel: Tensor<(Const<1>, usize, Const<O>), E, D>,
    /// The bias, `(O,)`; not used without `use_bias`.
    #[weight(init = zeros, when = use_bias)]
    pub bias: Tensor<Rank1<O>, E, D>,
    /// Whether a bias is added. Default true.
    #[option(default = true)]
    pub use_bias: bool,
    #[cache]
    windows: WeightCache,
    #[cache]
    mixing: WeightCache,
    options: PhantomData<(A, P)>,
}

const fn wrong_mixing(channels: usize, filters: usize, multiplier: usize) -> Fault {
    wrong_depth(channels, multiplier).or(wrong_filters(channels, filters, 1))
}

/// Both parts, on images.
pub(crate) fn separable<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<ImageShape, E, D, T>,
    windows: ConvWeights<'_, E, D>,
    window: &Window,
    mixing: DenseWeights<'_, E, D>,
    then: ActivationKind,
) -> Result<Tensor<ImageShape, E, D, T>, Error> {
    let y = D::conv2d(x, windows, window, ActivationKind::Nothing.into())?;
    let ((batch, height, width, channels), filters) = (*y.shape(), mixing.kernel.shape().1);
    let rows = batch * height * width;
    D::dense(y.into_shape(&(rows, channels))?, mixing, then)?
        .into_shape(&(batch, height, width, filters))
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
    const MULTIPLIER: usize,
    E,
    D,
> Layer<In, E, D> for SeparableConv2d<I, O, KH, KW, A, P, STRIDE, DILATION, MULTIPLIER, E, D>
where
    In: Images<
            Channels: Is<I>,
            Height: Slide<KH, STRIDE, DILATION, P>,
            Width: Slide<KW, STRIDE, DILATION, P>,
        >,
    A: Activation,
    P: ImagePadding,
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
        wrong_mixing(I, O, MULTIPLIER).or(wrong_window(&[KH, KW], &[STRIDE], DILATION));

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        let (x, (batch, height, width, _)) = In::images(x)?;
        let out = (batch, height.slide()?, width.slide()?, Const);
        let size = [height.size(), width.size()];
        let window = window::<P>(size, [KH, KW], [STRIDE; 2], [DILATION; 2])?;
        let kernel = self.depthwise_kernel.clone().into_shape(&(KH * KW, I * MULTIPLIER))?;
        let cache = &self.windows;
        let windows = ConvWeights { kernel: &kernel, bias: None, groups: I, cache };
        let kernel = self.pointwise_kernel.clone().into_shape(&(I * MULTIPLIER, O))?;
        let bias = self.use_bias.then(|| self.bias.clone().into_shape(&(O,))).transpose()?;
        let mixing = DenseWeights { kernel, bias, cache: &self.mixing };
        A::behind(|then| separable(x, windows, &window, mixing, then)?.into_shape(&out))
    }
}

impl<
    In,
    const I: usize,
    const O: usize,
    const K: usize,
    A,
    P,
    const STRIDE: usize,
    const DILATION: usize,
    const MULTIPLIER: usize,
    E,
    D,
> Layer<In, E, D> for SeparableConv1d<I, O, K, A, P, STRIDE, DILATION, MULTIPLIER, E, D>
where
    In: UnmaskedSteps<Features: Is<I>, Length: Slide<K, STRIDE, DILATION, P>>,
    A: Activation,
    P: Padding,
    E: Element,
    D: Backend<E>,
{
    type Out = (In::Batch, <In::Length as Slide<K, STRIDE, DILATION, P>>::Out, Const<O>);

    const FAULT: Fault = wrong_mixing(I, O, MULTIPLIER).or(wrong_window(&[K], &[STRIDE], DILATION));

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        let (x, (batch, length, _)) = In::rows(x)?;
        let out = (batch, length.slide()?, Const);
        let window = window::<P>([1, length.size()], [1, K], [1, STRIDE], [1, DILATION])?;
        let kernel = self.depthwise_kernel.clone().into_shape(&(K, I * MULTIPLIER))?;
        let cache = &self.windows;
        let windows = ConvWeights { kernel: &kernel, bias: None, groups: I, cache };
        let kernel = self.pointwise_kernel.clone().into_shape(&(I * MULTIPLIER, O))?;
        let bias = self.use_bias.then(|| self.bias.clone().into_shape(&(O,))).transpose()?;
        let mixing = DenseWeights { kernel, bias, cache: &self.mixing };
        A::behind(|then| separable(x, windows, &window, mixing, then)?.into_shape(&out))
    }
}
