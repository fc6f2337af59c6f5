use std::marker::PhantomData;

use dfdx::{
    prelude::{PermuteTo, ReshapeTo},
    shapes::{Axes3, Const, Dim as _, HasShape, Rank1},
    tensor::{Cpu, PutTape, SplitTape, Tape, Tensor},
};

use super::{ImagePadding, wrong_filters, wrong_steps};
use crate::{
    backend::{
        ActivationKind, Backend, ConvWeights, Element, ImageShape, IntoShape, WeightCache, Window,
    },
    error::{Error, OrDevice},
    layer,
    layer::Layer,
    layers::{Activation, Linear, reshape::picked},
    memory::elements,
    shape::{Along, Dim, Fault, Spread, Valid},
    signal::{Images, Is, UnmaskedSteps},
};

/// A convolution over images the other way around: each value is spread over a window, `activation(sum(value * kernel) + bias)`
/// where windows meet. It makes images larger, by its stride.
///
/// `Conv2dTranspose<_, 32, 3, 3, Relu, Same, 2>` makes images twice as large. `DILATION` sets the taps of the window apart.
///
/// Keras: [`Conv2DTranspose`](https://keras.io/api/layers/convolution_layers/convolution2d_transpose/).
///
/// # Shapes
/// - input `(Batch, H, W, I)`
/// - output `(Batch, H', W', O)`: with [`Same`](crate::shape::Same) `H' = H * STRIDE`, with [`Valid`] as much more as the window is larger
///   than the stride
/// - `kernel` `(KH, KW, O, I)`, glorot uniform; `bias` `(O,)`, zeros
///
/// ```
/// use kerata::{Conv2dTranspose, Cpu, Error, prelude::*};
///
/// let mut conv = Conv2dTranspose::<1, 1, 1, 2>::build(&Cpu::default())?;
/// conv.kernel.copy_from(&[1.0, 10.0]); // two taps
/// let y = conv.forward(Cpu::default().tensor([[[[2.0], [3.0]]]]))?;
/// assert_eq!(y.array(), [[[[2.0], [23.0], [30.0]]]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "Conv2DTranspose",
    windows = [
        Along::Times(STRIDE, beyond(KH, STRIDE, DILATION, P::NAME)),
        Along::Times(STRIDE, beyond(KW, STRIDE, DILATION, P::NAME)),
    ],
    input = (Batch, Height, Width, I),
    infer,
    check = wrong_filters(I, O, 1).or(wrong_steps(&[KH, KW], STRIDE, DILATION)).tell(),
    keys(
        filters: size(O),
        kernel_size: sizes(&[KH, KW], None),
        strides: sizes(&[STRIDE; 2], Some(&[1; 2])),
        padding: any_case(P::NAME, &["valid", "same"]),
        data_format(),
        dilation_rate: sizes(&[DILATION; 2], Some(&[1; 2])),
        transposed(),
        activation: activation(A::NAME, Some("linear")),
    ),
)]
pub struct Conv2dTranspose<
    const I: usize,
    const O: usize,
    const KH: usize,
    const KW: usize = KH,
    A: Activation = Linear,
    P: ImagePadding = Valid,
    const STRIDE: usize = 1,
    const DILATION: usize = 1,
    E: Element = f32,
    D: Backend<E> = Cpu,
> {
    /// The weights, `(KH, KW, O, I)`.
    #[weight(init = glorot_uniform)]
    pub kernel: Tensor<(Const<KH>, Const<KW>, Const<O>, Const<I>), E, D>,
    /// The bias, `(O,)`; not used without `use_bias`.
    #[weight(init = zeros, when = use_bias)]
    pub bias: Tensor<Rank1<O>, E, D>,
    /// Whether a bias is added. Default true.
    #[option(default = true)]
    pub use_bias: bool,
    options: PhantomData<(A, P)>,
}

/// [`Conv2dTranspose`] over sequences, which it makes longer.
///
/// Keras: [`Conv1DTranspose`](https://keras.io/api/layers/convolution_layers/convolution1d_transpose/).
///
/// # Shapes
/// - input `(Batch, Length, I)`, without a mask
/// - output `(Batch, Length', O)`
/// - `kernel` `(K, O, I)`, glorot uniform; `bias` `(O,)`, zeros
///
/// ```
/// use kerata::{Conv1dTranspose, Cpu, Error, Linear, Same, prelude::*};
///
/// let mut conv = Conv1dTranspose::<1, 1, 2, Linear, Same, 2>::build(&Cpu::default())?;
/// conv.kernel.copy_from(&[1.0, 10.0]); // two taps
/// let y = conv.forward(Cpu::default().tensor([[[2.0], [3.0]]]))?;
/// assert_eq!(y.array(), [[[2.0], [20.0], [3.0], [30.0]]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "Conv1DTranspose",
    windows = [Along::Times(STRIDE, beyond(K, STRIDE, DILATION, P::NAME))],
    input = (Batch, Length, I),
    infer,
    check = wrong_filters(I, O, 1).or(wrong_steps(&[K], STRIDE, DILATION)).tell(),
    keys(
        filters: size(O),
        kernel_size: sizes(&[K], None),
        strides: sizes(&[STRIDE], Some(&[1])),
        padding: any_case(P::NAME, &["valid", "same"]),
        data_format(),
        dilation_rate: sizes(&[DILATION], Some(&[1])),
        transposed(),
        activation: activation(A::NAME, Some("linear")),
    ),
)]
pub struct Conv1dTranspose<
    const I: usize,
    const O: usize,
    const K: usize,
    A: Activation = Linear,
    P: ImagePadding = Valid,
    const STRIDE: usize = 1,
    const DILATION: usize = 1,
    E: Element = f32,
    D: Backend<E> = Cpu,
> {
    /// The weights, `(K, O, I)`.
    #[weight(init = glorot_uniform)]
    pub kernel: Tensor<(Const<K>, Const<O>, Const<I>), E, D>,
    /// The bias, `(O,)`; not used without `use_bias`.
    #[weight(init = zeros, when = use_bias)]
    pub bias: Tensor<Rank1<O>, E, D>,
    /// Whether a bias is added. Default true.
    #[option(default = true)]
    pub use_bias: bool,
    options: PhantomData<(A, P)>,
}

/// By how much a window is larger than its stride, where that is not cut off.
const fn beyond(kernel: usize, stride: usize, dilation: usize, padding: &str) -> usize {
    match padding.as_bytes() {
        b"same" => 0,
        _ => reach(kernel, dilation).saturating_sub(stride),
    }
}

/// The size of a window, with what is left out in it.
const fn reach(kernel: usize, dilation: usize) -> usize {
    kernel.saturating_sub(1).saturating_mul(dilation).saturating_add(1)
}

/// How windows are spread; on sequences they have one row.
#[derive(Debug, Clone)]
pub(crate) struct Spreading {
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) dilation: [usize; 2],
    pub(crate) padding: &'static str,
    /// Keras's `output_padding`: by how much the result is longer than the windows, or than one window less a value.
    pub(crate) more: [Option<usize>; 2],
}

impl Spreading {
    /// The size behind it, and how many zeros stand in front of the first value; `None` if they are too many.
    pub(crate) fn along(&self, axis: usize, size: usize) -> Option<(usize, usize)> {
        let (kernel, stride, dilation) =
            (self.kernel[axis], self.stride[axis], self.dilation[axis]);
        if let Some(more) = self.more[axis] {
            return self.padded(reach(kernel, dilation), stride, size, more);
        }
        let over = reach(kernel, dilation).saturating_sub(stride);
        let more = beyond(kernel, stride, dilation, self.padding);
        let long = size.checked_mul(stride)?.checked_add(more)?;
        // What is cut off, half of it in front.
        let cut = (over - more) / 2;
        let before = reach(kernel, dilation) - 1 - cut;
        long.checked_add(before).map(|_| (long, before))
    }

    /// The same where the size behind it is said, with padding like Keras's on JAX.
    fn padded(
        &self,
        reach: usize,
        stride: usize,
        size: usize,
        more: usize,
    ) -> Option<(usize, usize)> {
        let (least, before) = match self.padding {
            "same" => {
                let zeros = (reach + reach % 2 - 2).checked_add(more)?;
                (reach % 2, zeros.div_ceil(2).min(reach - 1))
            }
            _ => (reach, reach - 1),
        };
        let long =
            size.checked_sub(1)?.checked_mul(stride)?.checked_add(least)?.checked_add(more)?;
        long.checked_add(before).filter(|_| long > 0).map(|_| (long, before))
    }

    /// Which of the values along an axis stands at a place among the zeros, of which so many are before the first; `None` for a zero.
    pub(crate) fn value_at(
        &self,
        axis: usize,
        size: usize,
        before: usize,
        place: usize,
    ) -> Option<usize> {
        let stride = self.stride[axis];
        let at = place.checked_sub(before).filter(|at| at % stride == 0)? / stride;
        Some(at).filter(|&at| at < size)
    }

    /// Spreads images by a kernel `(cells * filters, channels)`: a convolution of the values with zeros between them.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub(crate) fn spread<E: Element, D: Backend<E>, T: Tape<E, D>>(
        &self,
        x: Tensor<ImageShape, E, D, T>,
        kernel: Tensor<(usize, usize), E, D>,
        bias: Option<&Tensor<(usize,), E, D>>,
        then: ActivationKind,
    ) -> Result<Tensor<ImageShape, E, D, T>, Error> {
        let (batch, height, width, channels) = *x.shape();
        let cells = self.kernel[0] * self.kernel[1];
        let filters = kernel.shape().0.checked_div(cells).unwrap_or(0);
        let too_large = || Error::Device(format!("windows spread over {height} by {width}"));
        let mut sizes = [batch, height, width, channels];
        let (mut places, mut values) = ([0; 2], x.into_shape(&(batch, height, width, channels))?);
        // The values with zeros between, before and behind them, so that the windows have all places.
        for axis in 0..2 {
            let size = sizes[axis + 1];
            let (long, before) = self.along(axis, size).ok_or_else(too_large)?;
            let to = elements(&[long])? + reach(self.kernel[axis], self.dilation[axis]) - 1;
            let value = |place| self.value_at(axis, size, before, place);
            let y = picked(values, &sizes, axis + 1, to, value)?;
            (sizes[axis + 1], places[axis]) = (to, long);
            values = y.into_shape(&(batch, sizes[1], sizes[2], channels))?;
        }
        // The window the other way around, and from the channels to the filters.
        let of_kernel = [cells, filters * channels];
        let turned =
            picked(kernel.retaped::<T>(), &of_kernel, 0, cells, |place| Some(cells - 1 - place))?;
        let turned = turned.into_shape(&(cells, filters, channels))?;
        let turned: Tensor<(usize, usize, usize), E, D, T> =
            turned.try_permute::<_, Axes3<0, 2, 1>>().or_device()?;
        let turned = turned.try_contiguous().or_device()?;
        let turned = turned.into_shape(&(cells * channels, filters))?;
        let ((turned, more), (values, tape)) = (turned.split_tape(), values.split_tape());
        let window = Window {
            size: [sizes[1], sizes[2]],
            kernel: self.kernel,
            stride: [1, 1],
            dilation: self.dilation,
            before: [0, 0],
            places,
        };
        let cache = WeightCache::default();
        let weights = ConvWeights { kernel: &turned, bias, groups: 1, cache: &cache };
        D::conv2d(values.put_tape(tape.merge(more)), weights, &window, then.into())
    }
}

fn long<N: Dim>(size: Option<(usize, usize)>) -> Result<N, Error> {
    let size = size.map_or(usize::MAX, |(long, _)| long);
    N::from_size(size).ok_or_else(|| Error::mismatch("the size of spread images", "another", size))
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
    E,
    D,
> Layer<In, E, D> for Conv2dTranspose<I, O, KH, KW, A, P, STRIDE, DILATION, E, D>
where
    In: Images<
            Channels: Is<I>,
            Height: Spread<KH, STRIDE, DILATION, P>,
            Width: Spread<KW, STRIDE, DILATION, P>,
        >,
    A: Activation,
    P: ImagePadding,
    E: Element,
    D: Backend<E>,
{
    type Out = (
        In::Batch,
        <In::Height as Spread<KH, STRIDE, DILATION, P>>::Out,
        <In::Width as Spread<KW, STRIDE, DILATION, P>>::Out,
        Const<O>,
    );

    const FAULT: Fault = wrong_filters(I, O, 1).or(wrong_steps(&[KH, KW], STRIDE, DILATION));

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        let (x, (batch, height, width, _)) = In::images(x)?;
        let spreading = Spreading {
            kernel: [KH, KW],
            stride: [STRIDE; 2],
            dilation: [DILATION; 2],
            padding: P::NAME,
            more: [None; 2],
        };
        let (high, wide) = (spreading.along(0, height.size()), spreading.along(1, width.size()));
        let out = (batch, long(high)?, long(wide)?, Const);
        let kernel = self.kernel.clone().into_shape(&(KH * KW * O, I))?;
        let bias = self.bias.clone().into_shape(&(O,))?;
        let bias = self.use_bias.then_some(&bias);
        A::behind(|then| spreading.spread(x, kernel, bias, then)?.into_shape(&out))
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
    E,
    D,
> Layer<In, E, D> for Conv1dTranspose<I, O, K, A, P, STRIDE, DILATION, E, D>
where
    In: UnmaskedSteps<Features: Is<I>, Length: Spread<K, STRIDE, DILATION, P>>,
    A: Activation,
    P: ImagePadding,
    E: Element,
    D: Backend<E>,
{
    type Out = (In::Batch, <In::Length as Spread<K, STRIDE, DILATION, P>>::Out, Const<O>);

    const FAULT: Fault = wrong_filters(I, O, 1).or(wrong_steps(&[K], STRIDE, DILATION));

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        let (x, (batch, length, _)) = In::rows(x)?;
        let spreading = Spreading {
            kernel: [1, K],
            stride: [1, STRIDE],
            dilation: [1, DILATION],
            padding: P::NAME,
            more: [None; 2],
        };
        let out = (batch, long(spreading.along(1, length.size()))?, Const);
        let kernel = self.kernel.clone().into_shape(&(K * O, I))?;
        let bias = self.bias.clone().into_shape(&(O,))?;
        let bias = self.use_bias.then_some(&bias);
        A::behind(|then| spreading.spread(x, kernel, bias, then)?.into_shape(&out))
    }
}
