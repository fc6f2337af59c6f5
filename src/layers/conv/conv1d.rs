use std::marker::PhantomData;

use dfdx::{
    shapes::{Const, Dim, Rank1},
    tensor::{Cpu, Tape, Tensor},
};

use super::{Grouping, OneGroup, in_group, window, wrong_filters, wrong_steps};
use crate::{
    backend::{Backend, ConvWeights, Element, IntoShape, WeightCache},
    error::Error,
    layer,
    layer::Layer,
    layers::{Activation, Linear},
    shape::{Along, Fault, Padding, Slide, Valid},
    signal::{Is, UnmaskedSteps},
};

/// A convolution over sequences: `activation(sum(window * kernel) + bias)` at each place of the window.
///
/// `Conv1d<8, 16, 3, Relu, Causal>` looks at a step and the two before it; [`Groups`](super::Groups) cut the channels into
/// groups. It knows no masks: in front of a
/// masked sequence put [`Unmask`](crate::layers::Unmask).
///
/// Keras: [`Conv1D`](https://keras.io/api/layers/convolution_layers/convolution1d/).
///
/// # Shapes
/// - input `(Batch, Length, I)`
/// - output `(Batch, Length', O)`; see [`Conv2d`](super::Conv2d); with [`Causal`](crate::shape::Causal) as
///   with [`Same`](crate::shape::Same)
/// - `kernel` `(K, I, O)`, or `(K, I / GROUPS, O)`, glorot uniform; `bias` `(O,)`, zeros
///
/// ```
/// use kerata::{Conv1d, Cpu, Error, prelude::*};
///
/// let mut conv = Conv1d::<1, 1, 2>::build(&Cpu::default())?;
/// conv.kernel = Cpu::default().tensor([[[1.0]], [[10.0]]]);
/// let y = conv.forward(Cpu::default().tensor([[[1.0], [2.0], [3.0]]]))?;
/// assert_eq!(y.array(), [[[21.0], [32.0]]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "Conv1D",
    windows = [Along::window(K, STRIDE, DILATION, P::NAME)],
    input = (Batch, Length, I),
    infer,
    check = wrong_filters(I, O, G::GROUPS).or(wrong_steps(&[K], STRIDE, DILATION)).tell(),
    keys(
        filters: size(O),
        kernel_size: sizes(&[K], None),
        strides: sizes(&[STRIDE; 1], Some(&[1])),
        padding: any_case(P::NAME, &["valid", "same", "causal"]),
        data_format(),
        dilation_rate: sizes(&[DILATION; 1], Some(&[1])),
        convolution(G::GROUPS),
        activation: activation(A::NAME, Some("linear")),
    ),
)]
pub struct Conv1d<
    const I: usize,
    const O: usize,
    const K: usize,
    A: Activation = Linear,
    P: Padding = Valid,
    const STRIDE: usize = 1,
    const DILATION: usize = 1,
    G: Grouping = OneGroup,
    E: Element = f32,
    D: Backend<E> = Cpu,
> {
    /// The weights, `(K, I, O)`; of several groups `(K, I / GROUPS, O)`.
    #[weight(shape = (K, in_group(I, G::GROUPS), O), init = glorot_uniform)]
    pub kernel: Tensor<(Const<K>, G::Channels<I>, Const<O>), E, D>,
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
    const K: usize,
    A,
    P,
    const STRIDE: usize,
    const DILATION: usize,
    G,
    E,
    D,
> Layer<In, E, D> for Conv1d<I, O, K, A, P, STRIDE, DILATION, G, E, D>
where
    In: UnmaskedSteps<Features: Is<I>, Length: Slide<K, STRIDE, DILATION, P>>,
    A: Activation,
    P: Padding,
    G: Grouping,
    E: Element,
    D: Backend<E>,
{
    type Out = (In::Batch, <In::Length as Slide<K, STRIDE, DILATION, P>>::Out, Const<O>);

    const FAULT: Fault = wrong_filters(I, O, G::GROUPS).or(wrong_steps(&[K], STRIDE, DILATION));

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        let (x, (batch, length, _)) = In::rows(x)?;
        let out = (batch, length.slide()?, Const);
        let window = window::<P>([1, length.size()], [1, K], [1, STRIDE], [1, DILATION])?;
        let kernel = self.kernel.clone().into_shape(&(K * in_group(I, G::GROUPS), O))?;
        let bias = self.bias.clone().into_shape(&(O,))?;
        let bias = self.use_bias.then_some(&bias);
        let weights = ConvWeights { kernel: &kernel, bias, groups: G::GROUPS, cache: &self.cache };
        A::behind(|then| D::conv2d(x, weights, &window, then.into())?.into_shape(&out))
    }
}
